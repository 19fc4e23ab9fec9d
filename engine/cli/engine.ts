import { resolve } from 'node:path'
import { Devices } from '../devices/index.ts'
import { bundledModel } from '../models/manifest.ts'
import { firstPart } from '../models/model-files.ts'
import { ModelRegistry } from '../models/registry.ts'
import { loadAddon } from '../native/index.ts'
import type { DeviceInfo } from '../protocol/wire.ts'
import type { Engine } from '../think/engine.ts'
import { dataFolder } from '../transcripts/folder.ts'
import { braidVersion } from '../version.ts'
import { engineOptions, type EngineFlags } from './engine-flags.ts'

let probed: Devices | undefined
/** Each backend is probed once a process. */
const devices = () => (probed ??= new Devices(dataFolder()))

/** Devices of this machine; none where the engine is missing, which the engine itself will say. */
export const deviceList = (): Promise<DeviceInfo[]> => devices().open().then((addon) => addon.devices(), () => [])

/**
 * The engine in this process, read in only by the commands that think. Unless only the CPU is wanted, each GPU backend is
 * tried in a process of its own first. Errors: `native-missing`.
 */
export async function openEngine(device?: string): Promise<Engine> {
  const addon = device?.toLowerCase() === 'cpu' ? loadAddon({ gpu: false }) : await devices().open()
  const { Engine } = await import('../think/engine.ts')
  return new Engine({ addon, version: braidVersion(), bundledModel: bundledModel() ?? undefined })
}

type Flags = EngineFlags & { paths?: number; budget?: number }

/** The flags with what the window would choose for their model, where they say nothing: the device chosen there, and as many layers on a GPU as fit. */
export async function withChoices<F extends Flags>(flags: F, list = deviceList): Promise<F> {
  const model = flags.model ?? bundledModel()
  if (model === null) return flags
  const file = resolve(model)
  // A list that cannot be read chooses nothing.
  const device = flags.device ?? await new ModelRegistry(dataFolder()).device(firstPart(file)).catch(() => undefined)
  const next = device === undefined ? flags : { ...flags, device }
  if (flags.gpuLayers !== undefined || device?.toLowerCase() === 'cpu') return next
  const found = await list()
  if (!found.some(({ type }) => type === 'gpu' || type === 'igpu')) return next
  const { paths, budget } = flags
  const { inspect, most } = await import('../host/local.ts')
  // What is wrong with the model, the run itself says.
  const settings = { paths, budget, engine: engineOptions(next) }
  const [layers, all] = await Promise.all([most(file, settings, 'gpuLayers', undefined, found), inspect(file, settings).then(({ info }) => info.layers)]).catch(() => [Infinity, 0])
  return layers > all ? next : { ...next, gpuLayers: layers }
}
