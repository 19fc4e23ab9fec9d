/**
 * A program that tests one GPU backend in a separate process, since a driver may crash or hang.
 * Argument: the backend's library. Prints one JSON line `{ loaded, devices, wrong? }`; `wrong`
 * names a device that does not compute correctly.
 */
import { loadAddon } from './load.ts'

const [library] = process.argv.slice(2)
const addon = loadAddon({ gpu: false })
const before = new Set(addon.devices().map(({ name }) => name))
const loaded = addon.loadBackend(library!)
const devices = addon.devices().filter(({ name }) => !before.has(name))
// `devices` was read before, so that memory the driver allocates while it computes does not count
// as used.
const wrong = devices.find(({ name }) => !addon.tryDevice(name))
process.stdout.write(
  `${JSON.stringify({ loaded, devices, ...(wrong && { wrong: wrong.name }) })}\n`,
)
