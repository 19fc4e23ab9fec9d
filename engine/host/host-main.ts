import { Host } from './host.ts'
import { localEngine } from './local.ts'
import { serveLine, type HostPort } from './mux.ts'
import { say } from '../terminal/index.ts'
import { ApiSettings } from '../protocol/api.ts'
import { dataFolder } from '../transcripts/index.ts'

/**
 * Runs the engine in its own process, started by a supervisor as a child process of Node or a
 * utility process of Electron. BRAID_OPEN_MODEL is a GGUF to link and to select in new windows;
 * BRAID_API, as JSON, says how to serve API clients.
 */
const STALLED = 75

/** Electron's port to the parent; in Node the port is `process.send`. */
interface ParentPort {
  postMessage(message: unknown): void
  on(event: 'message', listener: (event: { data: unknown }) => void): void
}
const parentPort = (process as { parentPort?: ParentPort }).parentPort

const port: HostPort = {
  send: (message) => {
    if (parentPort !== undefined) parentPort.postMessage(message)
    // A missing parent is reported by `disconnect`, not by a failed write.
    else if (process.connected) process.send!(message)
  },
  onMessage: (listener) => {
    if (parentPort === undefined) process.on('message', listener)
    else parentPort.on('message', ({ data }) => listener(data))
  },
}

function fail(message: string, code: number): void {
  say(`braid engine: ${message}`)
  port.send({ type: 'fatal', message })
  // Wait for the message to be sent. SIGKILL ends the process even if native threads hang.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000).unref()
  setTimeout(() => process.exit(code), 50)
}
process.stderr.on('error', () => {}) // Nobody may be reading it.
process.on('uncaughtException', (error) => fail(error.stack ?? error.message, 1))

const api = process.env.BRAID_API ? ApiSettings.parse(JSON.parse(process.env.BRAID_API)) : undefined
const host = new Host({
  folder: dataFolder(),
  engine: localEngine(dataFolder(), api?.jobs),
  api,
  onStall: (message) => fail(message, STALLED),
})
const end = () => void host.close().finally(() => process.exit(0))
process.on('disconnect', end)
process.on('SIGINT', () => undefined) // Ctrl-C in a terminal reaches parent and child; the parent decides.
process.on('SIGTERM', end)

const model = process.env.BRAID_OPEN_MODEL
if (model) await host.openWith(model).catch((error: Error) => say(`braid: ${error.message}`))
serveLine(port, (channel) => host.serve(channel), end)
void host.warmUp().catch((error: Error) => say(`braid: ${error.message}`))
