import './boot.ts'
// Before the views, whose own rules win over these.
import 'katex/dist/katex.min.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/app.css'
import { createRoot } from 'react-dom/client'
import { App } from './App.tsx'
import { listenForShortcuts } from './commands/keys.ts'
import { startFormatter } from './format/formatter.ts'
import { setLanguage } from './i18n/index.ts'
import { applyLook, usePrefs } from './store/prefs.ts'
import { startNative } from './store/native.ts'
import { watchRoute } from './store/route.ts'
import { loadSample } from './store/sample.ts'
import { startSession } from './store/session.ts'
import { startTitle } from './store/title.ts'
import { routeRun, useRoute } from './store/route.ts'
import { SAMPLE_ID } from './store/runs.ts'

const look = (): void => {
  const prefs = usePrefs.getState()
  applyLook(prefs)
  setLanguage(prefs.language)
}
look()
usePrefs.subscribe(look)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', look)
watchRoute()
listenForShortcuts()
startSession()
startNative()
startTitle()
startFormatter()
const sample = (): void => {
  if (routeRun(useRoute.getState().route) === SAMPLE_ID) void loadSample()
}
sample()
useRoute.subscribe(sample)
createRoot(document.getElementById('root')!).render(<App />)
