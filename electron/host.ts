import { utilityProcess, type MessagePortMain } from 'electron'
import type { Channel } from '../engine/protocol/wire.ts'
import type { HostProcess } from '../engine/host/index.ts'

/** The host in a utility process. `file`: the compiled `host-main`. */
export function spawnHost(file: string, env: Record<string, string>): HostProcess {
  const child = utilityProcess.fork(file, [], {
    env: { ...process.env, ...env } as Record<string, string>,
    serviceName: 'Braid engine',
    stdio: 'inherit',
  })
  let wanted = true
  child.on('spawn', () => wanted || end())
  // Native threads that hang do not see a SIGTERM.
  const end = () => {
    wanted = false
    try {
      if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  }
  return {
    send: (message) => child.postMessage(message),
    onMessage: (listener) => void child.on('message', listener),
    onExit: (listener) => void child.once('exit', (code) => listener(`exit code ${code}`)),
    kill: end,
  }
}

/** The main process's end of a port that the page holds the other end of. */
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
