import { utilityProcess, type MessagePortMain } from 'electron'
import { passOn } from '../engine/terminal/index.ts'
import type { Channel } from '../engine/protocol/wire.ts'
import type { HostProcess } from '../engine/host/index.ts'

/** Starts the host in a utility process. `file`: the compiled `host-main`. */
export function spawnHost(file: string, env: Record<string, string>): HostProcess {
  const child = utilityProcess.fork(file, [], {
    env: { ...process.env, ...env } as Record<string, string>,
    serviceName: 'Braid engine',
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  passOn(child.stderr)
  let wanted = true
  child.on('spawn', () => wanted || end())
  // SIGTERM does not end a process whose native threads hang.
  const end = () => {
    wanted = false
    try {
      if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL')
    } catch {
      // The process has already exited.
    }
  }
  return {
    send: (message) => child.postMessage(message),
    onMessage: (listener) => void child.on('message', listener),
    onExit: (listener) => void child.once('exit', (code) => listener(`exit code ${code}`)),
    kill: end,
  }
}

/** Wraps the main process's end of a port whose other end the page holds. */
export function portChannel(port: MessagePortMain): Channel {
  return {
    send: (message) => port.postMessage(message),
    onMessage(listener) {
      port.on('message', ({ data }) => listener(data))
      port.start()
    },
    onClose: (listener) => void port.once('close', listener),
    close: () => port.close(),
  }
}
