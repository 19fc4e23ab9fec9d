import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import type { RunError } from '../../engine/protocol/events.ts'
import type { DeviceInfo, ModelEntry, ModelInfo, Result } from '../../engine/protocol/wire.ts'
import { host } from './host.ts'
import { setPref, usePrefs } from './prefs.ts'

interface Models {
  app: Result<'app.info'> | null
  list: ModelEntry[] | null
  devices: DeviceInfo[]
  /** What each file says of itself, or why it cannot be read. */
  infos: Record<string, ModelInfo | RunError>
}

export const useModels = create<Models>(() => ({ app: null, list: null, devices: [], infos: {} }))

export const isInfo = (info: ModelInfo | RunError | undefined): info is ModelInfo => info !== undefined && 'architecture' in info

export async function refreshModels(): Promise<void> {
  const list = await host.call('models.list', {})
  useModels.setState({ list })
  const { model } = usePrefs.getState()
  const known = list.some((entry) => entry.file === model && entry.present)
  const first = list.find((entry) => entry.present)
  if (!known && first !== undefined) setPref('model', first.file)
  const chosen = known ? model : first?.file
  if (chosen !== undefined) await loadInfo(chosen)
}

export async function refreshApp(): Promise<void> {
  const [app, devices] = await Promise.all([host.call('app.info', {}), host.call('devices.list', {}).catch(() => [])])
  useModels.setState({ app, devices })
}

export async function loadInfo(file: string): Promise<void> {
  if (isInfo(useModels.getState().infos[file])) return
  let info: ModelInfo | RunError
  try {
    info = await host.call('models.info', { file })
  } catch (error) {
    const { code, message } = toBraidError(error)
    info = { code, message }
  }
  useModels.setState(({ infos }) => ({ infos: { ...infos, [file]: info } }))
}

/** Links a GGUF in place and chooses it. */
export async function addModel(file: string): Promise<ModelEntry> {
  const entry = await host.call('models.add', { file })
  await refreshModels()
  await chooseModel(entry.file)
  return entry
}

export async function removeModel(file: string): Promise<void> {
  await host.call('models.remove', { file })
  await refreshModels()
}

export async function chooseModel(file: string): Promise<void> {
  setPref('model', file)
  await loadInfo(file)
}
