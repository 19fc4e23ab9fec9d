/**
 * Determines what this machine can compute with: loads the addon with the GPU backends that passed
 * their probe, and reports the state of all backends.
 */
import { builtLibraries, loadAddon, type GpuLibrary, type LoadedAddon } from '../native/index.ts'
import { systemFree, systemTotal } from '../models/index.ts'
import type { DeviceInfo, DeviceState } from '../protocol/models.ts'
import {
  fetchable,
  fetchBackend,
  fetchedLibraries,
  type Fetchable,
  type FetchOptions,
} from './fetch.ts'
import { probe, type Probe } from './probe.ts'

export { HardwareMeter } from './hardware.ts'

/** The devices of this machine. Create one per process, because the addon is loaded only once. */
export class Devices {
  readonly #dataFolder: string
  #probes: Promise<Probe[]> | undefined
  #offers: Promise<Fetchable[]> | undefined
  #addon: LoadedAddon | undefined

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder
  }

  /**
   * Returns the addon, after every GPU backend was probed in its own process. Throws as `loadAddon`
   * does.
   */
  async open(): Promise<LoadedAddon> {
    if (this.#addon !== undefined) return this.#addon
    const good = (await this.#tried()).flatMap(({ library, reason }) =>
      reason === undefined ? [library] : [],
    )
    this.#addon ??= loadAddon({ gpu: good })
    return this.#addon
  }

  /** Returns the devices and the state of each backend. Throws as `loadAddon` does. */
  async state(): Promise<DeviceState> {
    const [addon, probes, offers] = [await this.open(), await this.#tried(), await this.offers()]
    const backends: DeviceState['backends'] = probes.map(({ library, reason }) => ({
      backend: library.backend,
      state: reason === undefined ? 'ready' : 'skipped',
      ...(reason !== undefined && { reason }),
    }))
    for (const { backend, name, sizeBytes, needs } of offers) {
      if (!backends.some((one) => one.backend === backend))
        backends.push({
          backend,
          state: 'absent',
          fetch: { name, sizeBytes, ...(needs !== undefined && { needs }) },
        })
    }
    return { cpu: addon.cpu, devices: await this.list(), backends }
  }

  /**
   * Returns the devices. The memory of the CPU is the system's: llama.cpp reports all of it as free.
   * Throws as `loadAddon` does.
   */
  async list(): Promise<DeviceInfo[]> {
    return (await this.open())
      .devices()
      .map((one) =>
        one.type === 'cpu' ? { ...one, memoryFree: systemFree(), memoryTotal: systemTotal() } : one,
      )
  }

  /** Returns the library of a GPU backend in use, such as `Vulkan`; undefined if it has none. */
  async libraryOf(backend: string): Promise<string | undefined> {
    return (await this.#tried()).find(
      ({ reason, devices }) =>
        reason === undefined && devices.some((one) => one.backend === backend),
    )?.library.file
  }

  /** Returns the backends that can be fetched for this machine, as found by the first call. */
  offers(): Promise<Fetchable[]> {
    return (this.#offers ??= fetchable())
  }

  /**
   * Fetches a backend and, if it works, loads it at once. Throws `bad-request`, or as
   * `fetchBackend` does.
   */
  async fetch(offer: Fetchable, options: FetchOptions): Promise<Probe> {
    const library = await fetchBackend(this.#dataFolder, offer, options)
    const result = await probe(library)
    this.#probes = Promise.resolve([
      ...(await this.#tried()).filter((one) => one.library.backend !== library.backend),
      result,
    ])
    if (result.reason === undefined) (await this.open()).loadBackend(library.file)
    return result
  }

  #tried(): Promise<Probe[]> {
    // Probe one after another: drivers that run at once distort each other's memory figures.
    return (this.#probes ??= libraries(this.#dataFolder).reduce<Promise<Probe[]>>(
      async (before, library) => [...(await before), await probe(library)],
      Promise.resolve([]),
    ))
  }
}

/** Returns the GPU libraries; built-in ones come before fetched ones. */
function libraries(dataFolder: string): GpuLibrary[] {
  const built = builtLibraries()
  return [
    ...built,
    ...fetchedLibraries(dataFolder).filter(
      ({ backend }) => !built.some((one) => one.backend === backend),
    ),
  ]
}
