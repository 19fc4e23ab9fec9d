import { lazy, Suspense } from 'react'
import { CommandButton } from './commands/CommandButton.tsx'
import { Palette } from './commands/Palette.tsx'
import { Sidebar } from './history/Sidebar.tsx'
import { HistoryView } from './history/HistoryView.tsx'
import { useT } from './i18n/index.ts'
import { ModelsView } from './models/ModelsView.tsx'
import { Composer } from './run/Composer.tsx'
import { RunView } from './run/RunView.tsx'
import { StrategyDialog } from './run/StrategyDialog.tsx'
import { SubsetDialog } from './run/SubsetDialog.tsx'
import { SettingsView } from './settings/SettingsView.tsx'
import { routeRun, useRoute, type Route } from './store/route.ts'
import { useSidebar } from './store/sidebar.ts'
import { useUi } from './store/ui.ts'
import { Crash } from './ui/Crash.tsx'
import { LinkDialog } from './ui/ExternalLink.tsx'
import { StatusBar } from './ui/StatusBar.tsx'
import { TipProvider } from './ui/Tip.tsx'
import { Toasts } from './ui/Toasts.tsx'

const InspectView = lazy(() => import('./inspect/InspectView.tsx'))
const ComparePaths = lazy(() => import('./inspect/ComparePaths.tsx'))
const LabView = lazy(() => import('./lab/LabView.tsx'))
const CompareRuns = lazy(() => import('./inspect/CompareRuns.tsx'))

export function App() {
  const t = useT()
  const route = useRoute((s) => s.route)
  const sidebar = useSidebar()
  return (
    <TipProvider delayDuration={400} skipDelayDuration={200}>
      <div className={sidebar ? 'app with-sidebar' : 'app'}>
        <a
          className="skip"
          href="#main"
          onClick={(event) => {
            event.preventDefault()
            document.getElementById('main')?.focus()
          }}
        >
          {t('app.skip')}
        </a>
        <nav className="rail" aria-label={t('app.nav')}>
          {[
            ...(sidebar ? [] : ['app.sidebar']),
            'app.new',
            'app.history',
            'app.models',
            'app.lab',
          ].map((id) => (
            <CommandButton
              key={id}
              id={id}
              {...(id === 'app.sidebar' && { label: 'rail.sidebar' as const })}
              look={`quiet rail-btn ${isHere(id, route) ? 'here' : ''}`}
            />
          ))}
          <span className="grow" />
          <CommandButton id="app.theme" label="rail.theme" look="quiet rail-btn" />
          <CommandButton
            id="app.settings"
            look={`quiet rail-btn ${isHere('app.settings', route) ? 'here' : ''}`}
          />
        </nav>
        {sidebar && <Sidebar />}
        <main id="main" tabIndex={-1}>
          <Crash key={`${route.view}:${routeRun(route) ?? ''}`}>
            <Suspense fallback={<p className="empty">{t('run.opening')}</p>}>
              <View route={route} />
            </Suspense>
          </Crash>
        </main>
        <Toasts />
        <StatusBar />
      </div>
      <Dialogs />
    </TipProvider>
  )
}

function View({ route }: { route: Route }) {
  switch (route.view) {
    case 'compose':
      return <Composer />
    case 'run':
      return <RunView key={route.run} run={route.run} />
    case 'inspect':
      return <InspectView run={route.run} segment={route.segment} at={route.at} />
    case 'compare-paths':
      return <ComparePaths run={route.run} paths={route.paths} />
    case 'compare-runs':
      return <CompareRuns runs={route.runs} />
    case 'history':
      return <HistoryView />
    case 'models':
      return <ModelsView />
    case 'lab':
      return <LabView experiment={route.experiment} />
    case 'settings':
      return <SettingsView />
  }
}

const isHere = (id: string, route: Route): boolean =>
  id ===
  (
    {
      compose: 'app.new',
      history: 'app.history',
      models: 'app.models',
      lab: 'app.lab',
      settings: 'app.settings',
    } as Record<string, string>
  )[route.view]

function Dialogs() {
  const dialog = useUi((s) => s.dialog)
  const [run] = useUi((s) => s.dialogRuns)
  return (
    <>
      {dialog === 'palette' && <Palette />}
      {dialog === 'subset' && run !== undefined && <SubsetDialog run={run} />}
      {dialog === 'strategy' && run !== undefined && <StrategyDialog run={run} />}
      <LinkDialog />
    </>
  )
}
