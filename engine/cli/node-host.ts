import { fork } from 'node:child_process'
import { passOn } from '../terminal/index.ts'
import { programFile, sourceOptions } from '../programs/index.ts'
import type { HostProcess } from '../host/index.ts'

/** Starts the host as a child process of Node. In a checkout it runs from source through tsx. */
export function forkHost(
  env: Record<string, string | undefined> = {},
): HostProcess & { pid: number | undefined } {
  const child = fork(programFile('host/host-main'), [], {
    execArgv: sourceOptions(),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  passOn(child.stderr)
  return {
    pid: child.pid,
    // A missing child is reported by its exit, not by a failed write.
    send: (message) => void (child.connected && child.send(message, () => undefined)),
    onMessage: (listener) => void child.on('message', listener),
    onExit(listener) {
      let told = false
      const tell = (how: string) => {
        if (!told) listener(how)
        told = true
      }
      child.on('exit', (code, signal) =>
        tell(signal === null ? `exit code ${code}` : `signal ${signal}`),
      )
      child.on('error', (error) => tell(error.message))
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
