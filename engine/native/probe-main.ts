/**
 * A process of its own that tries one GPU backend: a driver that crashes or hangs takes nothing else down.
 * Argument: the backend's library; none tries the CPU alone. Prints one JSON line: `{ cpu, loaded, devices, wrong? }`,
 * `wrong` a device that does not compute.
 */
import { basename } from 'node:path'
import { loadAddon } from './index.ts'

const [library] = process.argv.slice(2)
const addon = loadAddon({ gpu: false })
const before = new Set(addon.devices().map(({ name }) => name))
const loaded = library === undefined || addon.loadBackend(library)
const devices = addon.devices().filter(({ name }) => !before.has(name))
// Memory is looked at before: what the driver takes for itself while it computes is not the model's to plan with.
const wrong = devices.find(({ name }) => !addon.tryDevice(name))
process.stdout.write(
  `${JSON.stringify({ cpu: cpuVariant(), loaded, devices, ...(wrong && { wrong: wrong.name }) })}\n`,
)

/** By the library that the system loaded: ggml does not tell which one it took. */
function cpuVariant(): string {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  report.excludeNetwork = true
  const { sharedObjects } = report.getReport() as { sharedObjects?: string[] }
  for (const file of sharedObjects ?? []) {
    const variant = /^(?:lib)?ggml-cpu-([\w.]+?)\.(?:so|dll|dylib)$/.exec(
      basename(file.replaceAll('\\', '/')),
    )?.[1]
    if (variant !== undefined) return variant
  }
  return ''
}
