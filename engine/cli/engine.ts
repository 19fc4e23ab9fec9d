import { resolve } from 'node:path'
import { Devices } from '../devices/index.ts'
import { layersToPut } from '../models/index.ts'
import { bundledModel } from '../models/index.ts'
import { firstPart } from '../models/index.ts'
import { ModelRegistry } from '../models/index.ts'
import { loadAddon } from '../native/index.ts'
import type { DeviceInfo } from '../protocol/wire.ts'
import type { Fits } from '../models/index.ts'
import type { Engine, EngineParts } from '../run/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { braidVersion } from '../programs/index.ts'
import { WorkerLinks } from '../workers/index.ts'
import { engineOptions, type EngineFlags } from './engine-flags.ts'
import { pairNew } from './pairing.ts'

let probed: Devices | undefined
/** Each backend is probed once per process. */
const devices = () => (probed ??= new Devices(dataFolder()))

/**
 * Returns the devices of this machine; an empty list if the native engine is missing, which the
 * engine itself reports.
 */
export const deviceList = (): Promise<DeviceInfo[]> =>
  devices()
    .list()
    .catch(() => [])

/**
 * Opens the engine in this process; imported only by commands that think. Probes each GPU backend
 * in its own process first, unless only the CPU is wanted. Throws `native-missing`.
 */
export async function openEngine(
  device?: string,
  parts: Pick<EngineParts, 'jobs' | 'watched' | 'runPrograms' | 'keyOf'> = {},
): Promise<Engine> {
  const addon = device?.toLowerCase() === 'cpu' ? loadAddon({ gpu: false }) : await devices().open()
  const { Engine } = await import('../run/index.ts')
  return new Engine({
    workers: new WorkerLinks(dataFolder(), { addon: () => addon }),
    addon,
    version: braidVersion(),
    bundledModel: bundledModel() ?? undefined,
    ...parts,
  })
}

/**
 * Opens the memory estimates of the engine in this process; imported only by commands that need
 * them.
 */
export async function openFits(): Promise<Fits> {
  const { Fits } = await import('../models/index.ts')
  return new Fits(() => devices().open())
}

/**
 * Completes the flags with the device that was chosen for their model in the window, if they name
 * none. Asks for the pairing codes of workers that are new.
 */
export async function withChosenDevice<F extends EngineFlags>(flags: F): Promise<F> {
  if (flags.workers !== undefined) await pairNew(flags.workers)
  const model = flags.model ?? bundledModel()
  if (flags.device !== undefined || model === null) return flags
  // A list that cannot be read chooses no device.
  const device = await new ModelRegistry(dataFolder())
    .device(firstPart(resolve(model)))
    .catch(() => undefined)
  return device === undefined ? flags : { ...flags, device }
}

/**
 * Completes the flags of one run as the window would: the device chosen for the model, and as many
 * layers on a GPU as fit.
 */
export async function withChoices<F extends EngineFlags & { paths?: number; budget?: number }>(
  flags: F,
  list = deviceList,
  open = openFits,
): Promise<F> {
  const next = await withChosenDevice(flags)
  const model = flags.model ?? bundledModel()
  if (model === null || flags.gpuLayers !== undefined || next.device?.toLowerCase() === 'cpu')
    return next
  if (flags.workers !== undefined) return next // all layers, or half of them if they do not fit
  const [file, { paths, budget }] = [resolve(model), flags]
  const found = await list()
  const most = async () => {
    const [fits, { systemFree }] = await Promise.all([open(), import('../models/index.ts')])
    const settings = { paths, budget, engine: engineOptions(next) }
    return fits
      .most({ file, settings, devices: found, free: systemFree() }, 'gpuLayers')
      .finally(() => fits.close())
  }
  const gpuLayers = await layersToPut(
    found,
    most,
    async () => (await (await import('../models/index.ts')).readModelInfo(file)).layers,
  ).catch(() => undefined) // the run itself reports a bad model
  return gpuLayers === undefined ? next : { ...next, gpuLayers }
}
