import { resolve } from 'node:path'
import { Devices } from '../devices/index.ts'
import { layersToPut } from '../models/index.ts'
import { bundledModel } from '../models/index.ts'
import { firstPart } from '../models/index.ts'
import { ModelRegistry } from '../models/index.ts'
import { loadAddon } from '../native/index.ts'
import type { DeviceInfo } from '../protocol/wire.ts'
import type { Fits } from '../models/index.ts'
import type { Engine } from '../run/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { braidVersion } from '../programs/index.ts'
import { engineOptions, type EngineFlags } from './engine-flags.ts'

let probed: Devices | undefined
/** Each backend is probed once a process. */
const devices = () => (probed ??= new Devices(dataFolder()))

/** Devices of this machine; none where the engine is missing, which the engine itself will say. */
export const deviceList = (): Promise<DeviceInfo[]> =>
  devices()
    .open()
    .then(
      (addon) => addon.devices(),
      () => [],
    )

/**
 * The engine in this process, read in only by the commands that think. Unless only the CPU is wanted, each GPU backend is
 * tried in a process of its own first. Errors: `native-missing`.
 */
export async function openEngine(device?: string): Promise<Engine> {
  const addon = device?.toLowerCase() === 'cpu' ? loadAddon({ gpu: false }) : await devices().open()
  const { Engine } = await import('../run/index.ts')
  return new Engine({ addon, version: braidVersion(), bundledModel: bundledModel() ?? undefined })
}

/** What runs take of memory, asked of the engine in this process. Read in only by the commands that ask. */
export async function openFits(): Promise<Fits> {
  const { Fits } = await import('../models/index.ts')
  return new Fits(() => devices().open())
}

/** The flags with the device that was chosen for their model in the window, where they name none. */
export async function withChosenDevice<F extends EngineFlags>(flags: F): Promise<F> {
  const model = flags.model ?? bundledModel()
  if (flags.device !== undefined || model === null) return flags
  // A list that cannot be read chooses nothing.
  const device = await new ModelRegistry(dataFolder())
    .device(firstPart(resolve(model)))
    .catch(() => undefined)
  return device === undefined ? flags : { ...flags, device }
}

/** The flags of one run, with what the window would choose for its model where they say nothing: the device, and as many layers on a GPU as fit. */
export async function withChoices<F extends EngineFlags & { paths?: number; budget?: number }>(
  flags: F,
  list = deviceList,
  open = openFits,
): Promise<F> {
  const next = await withChosenDevice(flags)
  const model = flags.model ?? bundledModel()
  if (model === null || flags.gpuLayers !== undefined || next.device?.toLowerCase() === 'cpu')
    return next
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
  ).catch(() => undefined) // what is wrong with the model, the run itself says
  return gpuLayers === undefined ? next : { ...next, gpuLayers }
}
