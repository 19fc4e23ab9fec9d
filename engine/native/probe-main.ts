/**
 * A process of its own that tries one GPU backend: a driver that crashes or hangs takes nothing else down.
 * Argument: the backend's library. Prints one JSON line: `{ loaded, devices, wrong? }`, `wrong` a device that does not
 * compute.
 */
import { loadAddon } from './load.ts'

const [library] = process.argv.slice(2)
const addon = loadAddon({ gpu: false })
const before = new Set(addon.devices().map(({ name }) => name))
const loaded = addon.loadBackend(library!)
const devices = addon.devices().filter(({ name }) => !before.has(name))
// Memory is looked at before: what the driver takes for itself while it computes is not the model's to plan with.
const wrong = devices.find(({ name }) => !addon.tryDevice(name))
process.stdout.write(
  `${JSON.stringify({ loaded, devices, ...(wrong && { wrong: wrong.name }) })}\n`,
)
