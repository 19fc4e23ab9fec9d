import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { runError, type RunError } from '../../engine/protocol/events.ts'
import type {
  CatalogueItem,
  DeviceInfo,
  DeviceState,
  Fit,
  Hardware,
  LoadedModel,
  ModelEntry,
  ModelInfo,
  Result,
  Task,
  WorkerState,
} from '../../engine/protocol/wire.ts'
import { host } from './host.ts'
import { setPref, usePrefs } from './prefs.ts'
import { shell } from './shell.ts'
import { toast } from './toasts.ts'

export const MODEL_TABS = ['library', 'get', 'convert', 'devices'] as const
export type ModelTab = (typeof MODEL_TABS)[number]

interface Models {
  app: Result<'app.info'> | null
  list: ModelEntry[] | null
  devices: DeviceInfo[]
  /** null while the drivers are being tested. */
  deviceState: DeviceState | null
  /** Machines that can hold layers of a model. */
  workers: WorkerState[]
  /** Metadata of each file, or the error that keeps it from being read. */
  infos: Record<string, ModelInfo | RunError>
  /** Memory of a run with the model's default settings, by file. */
  fits: Record<string, Fit>
  tasks: Task[]
  /** Models in memory. */
  loaded: LoadedModel[]
  /** Load of the machine while a run is thinking. */
  hardware: Hardware | null
  catalogue: CatalogueItem[] | null
  tab: ModelTab
}

export const useModels = create<Models>(() => ({
  app: null,
  list: null,
  devices: [],
  deviceState: null,
  workers: [],
  infos: {},
  fits: {},
  tasks: [],
  loaded: [],
  hardware: null,
  catalogue: null,
  tab: 'library',
}))

export const isInfo = (info: ModelInfo | RunError | undefined): info is ModelInfo =>
  info !== undefined && 'architecture' in info

/** Whether a model is one that comes with Braid. */
export const useBundled = (file: string): boolean =>
  useModels((s) => s.list?.some((one) => one.file === file && one.origin === 'bundled') === true)

export async function refreshModels(): Promise<void> {
  const list = await host.call('models.list', {})
  useModels.setState({ list })
  const { model } = usePrefs.getState()
  // A model whose file is gone stays chosen and says so; another one never answers in its place.
  const known = list.find((entry) => entry.file === model)
  const first = list.find((entry) => entry.present)
  if (known === undefined && first !== undefined) setPref('model', first.file)
  const chosen = known ?? first
  if (chosen?.present === true) await loadInfo(chosen.file)
}

export async function refreshApp(): Promise<void> {
  const [app, tasks, loaded] = await Promise.all([
    host.call('app.info', {}),
    host.call('tasks.list', {}),
    host.call('engine.loaded', {}),
  ])
  useModels.setState({ app, tasks, loaded })
  // Testing a driver may take seconds, and so may a worker that does not answer: nothing waits for them.
  await Promise.all([refreshDevices(), refreshWorkers()])
}

async function refreshWorkers(): Promise<void> {
  useModels.setState({ workers: await host.call('workers.list', {}).catch(() => []) })
}

/** Pairs with a worker. Rejects with the reason if it does not answer or refuses the code. */
export async function pairWorker(worker: string, code: string): Promise<void> {
  const paired = await host.call('workers.pair', { worker, code })
  useModels.setState(({ workers }) => ({
    workers: [...workers.filter((one) => one.worker !== paired.worker), paired],
  }))
}

export async function forgetWorker(worker: string): Promise<void> {
  await host.call('workers.forget', { worker })
  useModels.setState(({ workers }) => ({
    workers: workers.filter((one) => one.worker !== worker),
  }))
}

async function refreshDevices(): Promise<void> {
  const deviceState = await host.call('devices.state', {}).catch(() => null)
  useModels.setState({ deviceState, devices: deviceState?.devices ?? [] })
}

/** Reads the metadata again, since the device or the file may have changed. The previous data stays until then. */
export async function loadInfo(file: string): Promise<void> {
  let info: ModelInfo | RunError
  try {
    info = await host.call('models.info', { file })
  } catch (error) {
    const why = toBraidError(error)
    if (why.code === 'engine-lost') throw error // not caused by the model: asked again later
    info = runError(why)
  }
  useModels.setState(({ infos }) => ({ infos: { ...infos, [file]: info } }))
}

/** Loads the memory of a run with the model's default settings. An unreadable model has none. */
export async function loadFit(file: string): Promise<void> {
  const fit = await host.call('models.fit', { file, settings: {} }).catch(() => null)
  if (fit !== null) useModels.setState(({ fits }) => ({ fits: { ...fits, [file]: fit } }))
}

/** Links a GGUF file in place and selects it. */
export async function addModel(file: string): Promise<ModelEntry> {
  const entry = await host.call('models.add', { file })
  await refreshModels()
  await chooseModel(entry.file)
  return entry
}

/**
 * Sets the key of a server, in the system's keychain if there is one, and returns its address and the
 * models that it lists.
 */
export async function askServer(
  url: string,
  key: string,
): Promise<{ server: string; models: string[]; kept: boolean }> {
  const none = { server: url, key: null }
  const { server } = await host.call('servers.key', none)
  let kept = false
  if (key !== '') {
    await host.call('servers.key', { server, key })
    kept = (await shell()?.call('rememberKey', { server, key })) ?? false
  }
  const { models } = await host.call('servers.models', { server })
  return { server, models, kept }
}

/** Adds a model on a server and selects it. */
export async function addServerModel(server: string, name: string): Promise<ModelEntry> {
  const entry = await host.call('servers.add', { server, name })
  await refreshModels()
  await chooseModel(entry.file)
  return entry
}

export async function removeModel(file: string, deleteFiles = false): Promise<void> {
  await host.call('models.remove', { file, deleteFiles })
  await refreshModels()
}

export async function chooseModel(file: string): Promise<void> {
  setPref('model', file)
  await loadInfo(file)
}

export async function loadCatalogue(): Promise<void> {
  if (useModels.getState().catalogue === null)
    useModels.setState({ catalogue: await host.call('models.catalogue', {}) })
}

export const showTab = (tab: ModelTab): void => useModels.setState({ tab })

/** Shows a download or conversion as soon as it has begun. */
export function taskStarted(task: Task): void {
  useModels.setState(({ tasks }) => ({
    tasks: tasks.some(({ id }) => id === task.id) ? tasks : [...tasks, task],
  }))
}

export function receiveTasks(tasks: Task[]): void {
  const before = useModels.getState().tasks
  for (const { id, state, name } of tasks) {
    const old = before.find((task) => task.id === id)
    if (state === 'done' && old !== undefined && old.state !== 'done')
      toast({ message: ['task.finished', { name }] })
  }
  useModels.setState({ tasks })
}

export function receiveMemory(
  loaded: LoadedModel[],
  unloaded?: { name: string; reason: 'idle' | 'room' | 'asked' },
): void {
  useModels.setState({ loaded })
  if (unloaded !== undefined && unloaded.reason !== 'asked')
    toast({ message: [`memory.unloaded.${unloaded.reason}`, { name: unloaded.name }] })
}
