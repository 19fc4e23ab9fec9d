import { useSyncExternalStore } from 'react'
import { useT, type MessageKey } from '../i18n/index.ts'
import { useCompose } from '../store/compose.ts'
import { host } from '../store/host.ts'
import { useModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { useReplay } from '../store/replay.ts'
import { useRoute } from '../store/route.ts'
import { useRuns } from '../store/runs.ts'
import { useUi } from '../store/ui.ts'
import { Tip } from '../ui/Tip.tsx'
import { commandOf, runCommand, shortcutOf } from './catalogue.ts'
import { displayShortcut } from './keys.ts'
import { currentTarget } from './target.ts'
import type { Target } from './types.ts'

const STORES = [useCompose, useModels, usePrefs, useReplay, useRoute, useRuns, useUi] as const

/** Calls back when anything that the `why` of a command reads may have changed. */
function watchAll(changed: () => void): () => void {
  const stops = [...STORES.map((store) => store.subscribe(changed)), host.onState(changed)]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Returns why the command cannot run now, or null if it can. */
export function useWhy(id: string, target: Partial<Target> = {}): MessageKey | null {
  return useSyncExternalStore(watchAll, () => commandOf(id).why(currentTarget(target)))
}

/** A button for a command, with its name, icon, shortcut and, if it cannot run, the reason. */
export function CommandButton({
  id,
  target,
  look = '',
  iconOnly = false,
  label,
  short,
}: {
  id: string
  target?: Partial<Target>
  look?: string
  iconOnly?: boolean
  label?: MessageKey
  /** Words of the name that stand beside the icon where its panel is wide. */
  short?: MessageKey
}) {
  const t = useT()
  const command = commandOf(id)
  const why = useWhy(id, target)
  const shortcut = usePrefs((s) => shortcutOf(command, s.shortcuts))
  const name = t(label ?? command.title)
  const tip = [
    why === null ? (iconOnly ? name : t(command.title)) : `${name}: ${t(why)}`,
    shortcut === '' ? '' : `(${displayShortcut(shortcut)})`,
  ]
    .filter(Boolean)
    .join(' ')
  return (
    <Tip text={tip}>
      <button
        type="button"
        className={`btn ${iconOnly ? 'icon' : ''} ${look}`}
        aria-label={name}
        aria-disabled={why !== null}
        data-command={id}
        onClick={() => runCommand(id, target)}
      >
        <command.icon size={14} aria-hidden />
        {short !== undefined && <span className="if-wide">{t(short)}</span>}
        {!iconOnly && <span>{name}</span>}
      </button>
    </Tip>
  )
}
