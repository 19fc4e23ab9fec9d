import { useSyncExternalStore } from 'react'
import { setPref, usePrefs } from './prefs.ts'
import { useRoute } from './route.ts'
import { useUi } from './ui.ts'

/** Where the window is too narrow for the list of conversations, it lies over the view until the next one. */
const narrow = (): MediaQueryList => matchMedia('(max-width: 1180px)')

export function useSidebar(): boolean {
  const over = useSyncExternalStore(
    (changed) => {
      const query = narrow()
      query.addEventListener('change', changed)
      return () => query.removeEventListener('change', changed)
    },
    () => narrow().matches,
  )
  const beside = usePrefs((s) => s.sidebar)
  const opened = useUi((s) => s.sidebarOver)
  return over ? opened : beside
}

export function toggleSidebar(): void {
  if (narrow().matches) useUi.setState(({ sidebarOver }) => ({ sidebarOver: !sidebarOver }))
  else setPref('sidebar', !usePrefs.getState().sidebar)
}

/** Closes the list that lies over the view once another view is shown. */
export const watchSidebar = (): void => {
  useRoute.subscribe(() => useUi.setState({ sidebarOver: false }))
}
