import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const START_MS = 120_000

/** Returns a port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** Starts llama-server with a model and waits until it can answer. Throws if it ends, or is not ready in time. */
export async function startLlamaServer(
  program: string,
  file: string,
  port: number,
  flags: readonly string[],
): Promise<ChildProcess> {
  const place = ['--host', '127.0.0.1', '--port', String(port)]
  const child = spawn(program, ['-m', file, ...place, ...flags], { stdio: 'ignore' })
  const healthy = () =>
    fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
  for (const began = performance.now(); !(await healthy()); await sleep(100)) {
    const late = performance.now() - began > START_MS
    if (!late && child.exitCode === null && child.signalCode === null) continue
    child.kill('SIGKILL')
    throw new Error(
      late ? 'llama-server is not ready in time.' : `llama-server ended with ${child.exitCode}.`,
    )
  }
  return child
}
