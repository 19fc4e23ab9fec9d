import {
  ArrowLeftRight,
  Clapperboard,
  Command as CommandIcon,
  FlaskConical,
  Focus,
  Grid2x2,
  History,
  Languages,
  Moon,
  PanelLeft,
  PanelTop,
  Play,
  RotateCcw,
  Settings,
  SquarePen,
  TextSelect,
  Boxes,
} from 'lucide-react'
import { edit, whyNotStart, wontFit } from '../store/compose.ts'
import { host } from '../store/host.ts'
import { resetShortcuts, setPref, usePrefs } from '../store/prefs.ts'
import { go, useRoute } from '../store/route.ts'
import { openSample } from '../store/sample.ts'
import { toggleSidebar } from '../store/sidebar.ts'
import { report } from '../store/toasts.ts'
import { openDialog } from '../store/ui.ts'
import { startDraft } from './start.ts'
import { setStage, stageNow } from '../run/stage.ts'
import { whyNoRun } from './target.ts'
import type { Command, Target } from './types.ts'

const always = () => null
const layout = (name: 'grid' | 'focus' | 'tabs') => (target: Target) => {
  if (target.run !== null) setStage(target.run, 'paths')
  setPref('layout', name)
}
const notOn = (view: string) => () =>
  useRoute.getState().route.view === view ? ('why.here' as const) : null

export const appCommands: Command[] = [
  {
    id: 'app.palette',
    title: 'cmd.palette',
    group: 'app',
    icon: CommandIcon,
    shortcut: 'Mod+K',
    why: always,
    run: () => openDialog('palette'),
  },
  {
    id: 'app.new',
    title: 'cmd.new',
    group: 'app',
    icon: SquarePen,
    shortcut: 'Alt+N',
    why: always,
    run: () => {
      edit({ versionOf: null })
      go({ view: 'compose' })
      requestAnimationFrame(() => document.getElementById('problem')?.focus())
    },
  },
  {
    id: 'app.sample',
    title: 'cmd.sample',
    group: 'app',
    icon: Clapperboard,
    why: always,
    run: () => report(openSample()),
  },
  {
    id: 'app.sidebar',
    title: 'cmd.sidebar',
    group: 'app',
    icon: PanelLeft,
    shortcut: 'Alt+L',
    why: always,
    run: toggleSidebar,
  },
  {
    id: 'app.history',
    title: 'cmd.history',
    group: 'app',
    icon: History,
    shortcut: 'Alt+H',
    why: notOn('history'),
    run: () => go({ view: 'history' }),
  },
  {
    id: 'app.models',
    title: 'cmd.models',
    group: 'app',
    icon: Boxes,
    shortcut: 'Alt+M',
    why: notOn('models'),
    run: () => go({ view: 'models' }),
  },
  {
    id: 'app.lab',
    title: 'cmd.lab',
    group: 'app',
    icon: FlaskConical,
    shortcut: 'Alt+G',
    why: notOn('lab'),
    run: () => go({ view: 'lab', experiment: null }),
  },
  {
    id: 'app.settings',
    title: 'cmd.settings',
    group: 'app',
    icon: Settings,
    shortcut: 'Mod+,',
    why: notOn('settings'),
    run: () => go({ view: 'settings' }),
  },
  {
    id: 'app.theme',
    title: 'cmd.theme',
    group: 'app',
    icon: Moon,
    shortcut: 'Alt+T',
    why: always,
    run: () =>
      setPref('theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'),
  },
  {
    id: 'app.language',
    title: 'cmd.language',
    group: 'app',
    icon: Languages,
    why: always,
    run: () => setPref('language', document.documentElement.lang.startsWith('zh') ? 'en' : 'zh'),
  },
  {
    id: 'app.resetShortcuts',
    title: 'cmd.resetShortcuts',
    group: 'app',
    icon: RotateCcw,
    shortcut: 'Alt+0',
    why: () =>
      Object.keys(usePrefs.getState().shortcuts).length === 0 ? 'why.ownShortcuts' : null,
    run: resetShortcuts,
  },
  {
    id: 'compose.start',
    title: 'cmd.start',
    group: 'compose',
    icon: Play,
    shortcut: 'Mod+Enter',
    why: () =>
      useRoute.getState().route.view !== 'compose'
        ? 'why.noComposer'
        : host.state === 'open'
          ? whyNotStart()
          : 'why.disconnected',
    run: () => void startDraft(),
  },
  {
    id: 'compose.startAnyway',
    title: 'cmd.startAnyway',
    group: 'compose',
    icon: Play,
    why: () =>
      useRoute.getState().route.view !== 'compose'
        ? 'why.noComposer'
        : host.state !== 'open'
          ? 'why.disconnected'
          : (whyNotStart(true) ?? (wontFit() ? null : 'why.fits')),
    run: () => void startDraft(true),
  },
  {
    id: 'view.grid',
    title: 'cmd.layoutGrid',
    group: 'view',
    icon: Grid2x2,
    shortcut: 'Alt+1',
    why: always,
    run: layout('grid'),
  },
  {
    id: 'view.focus',
    title: 'cmd.layoutFocus',
    group: 'view',
    icon: Focus,
    shortcut: 'Alt+2',
    why: always,
    run: layout('focus'),
  },
  {
    id: 'view.tabs',
    title: 'cmd.layoutTabs',
    group: 'view',
    icon: PanelTop,
    shortcut: 'Alt+3',
    why: always,
    run: layout('tabs'),
  },
  {
    id: 'view.answer',
    title: 'cmd.answerStage',
    group: 'view',
    icon: ArrowLeftRight,
    shortcut: 'Alt+P',
    why: whyNoRun,
    run: ({ run }) => setStage(run!, stageNow(run!) === 'answer' ? 'paths' : 'answer'),
  },
  {
    id: 'view.whitespace',
    title: 'cmd.whitespace',
    group: 'view',
    icon: TextSelect,
    shortcut: 'Alt+W',
    why: always,
    run: () => setPref('whitespace', !usePrefs.getState().whitespace),
  },
]
