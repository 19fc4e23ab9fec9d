import { receiveActivity } from './activity.ts'
import { attributionProgress } from './attribution.ts'
import { refreshHistory } from './history.ts'
import { host } from './host.ts'
import { receiveExperiment, refreshLab } from './lab.ts'
import { receiveMemory, receiveTasks, refreshApp, refreshModels, useModels } from './models.ts'
import { loadPrefs } from './prefs.ts'
import { report } from './toasts.ts'
import { routeRun, routeRuns, useRoute } from './route.ts'
import { watchSidebar } from './sidebar.ts'
import { isAway } from './title.ts'
import { closeHidden, interruptRuns, openRun, receiveEvents, useRuns } from './runs.ts'
import { useUi } from './ui.ts'

/** Connects the client to the stores: handles pushes from the host, and asks again after a reconnect. */
export function startSession(): void {
  host.onPush((push) => {
    switch (push.kind) {
      case 'backlog':
      case 'events':
        receiveEvents(push)
        break
      case 'changed':
        if (push.what === 'runs') report(refreshHistory())
        else if (push.what === 'lab') report(refreshLab())
        else if (push.what === 'models') report(refreshModels())
        else if (push.what === 'devices') report(refreshApp())
        break
      case 'lab':
        receiveExperiment(push.experiment)
        break
      case 'progress':
        if (!attributionProgress(push.task, push.fraction))
          useUi.setState({
            progress: push.fraction >= 1 ? null : { task: push.task, fraction: push.fraction },
          })
        break
      case 'activity':
        receiveActivity(push.runs, isAway())
        break
      case 'waiting':
        useUi.setState(({ waiting: { [push.run]: _, ...others } }) => ({
          waiting: push.place === null ? others : { ...others, [push.run]: push.place },
        }))
        break
      case 'tasks':
        receiveTasks(push.tasks)
        break
      case 'memory':
        receiveMemory(push.loaded, push.unloaded)
        break
      case 'hardware':
        useModels.setState({ hardware: push.hardware })
        break
      case 'engine':
        useUi.setState({ engine: { state: push.state, message: push.message } })
        if (push.state !== 'up') useUi.setState({ waiting: {} })
        if (push.state !== 'up') interruptRuns()
        else if (refused) void connected()
        break
    }
  })
  host.onState((state) => {
    if (state === 'open') void connected()
    else if (state === 'lost') {
      useUi.setState({ progress: null, waiting: {} })
      receiveActivity([], false)
      useModels.setState({ hardware: null, loaded: [] })
      interruptRuns()
    }
  })
  useRoute.subscribe(({ route }) => {
    follow(routeRun(route))
    closeHidden(routeRuns(route))
  })
  watchSidebar()
  void host.start()
}

/** Some requests of a new connection failed and are repeated once the engine is up. */
let refused = false

/** Reloads everything after a connect or a restart of the host. Open runs are read again from their transcripts. */
async function connected(): Promise<void> {
  useUi.setState({ engine: null })
  const open = Object.values(useRuns.getState().open)
    .filter((run) => !run.sample)
    .map((run) => run.id)
  const route = routeRun(useRoute.getState().route)
  const runs = new Set(route === null || route === 'sample' ? open : [...open, route])
  await Promise.allSettled([...runs].map(openRun))
  const asked = [
    loadPrefs().then(refreshModels),
    refreshApp(),
    refreshHistory(),
    refreshLab(),
    host.call('runs.watch', {}),
  ]
  for (const request of asked) report(request)
  refused = (await Promise.allSettled(asked)).some(({ status }) => status === 'rejected')
}

/** Follows the run on the screen as soon as there is a host. */
export function follow(run: string | null): void {
  if (run === null || useRuns.getState().open[run] !== undefined || host.state !== 'open') return
  void openRun(run)
}
