/**
 * Runs llama.cpp's RPC server, one process per connection: what one engine left in it, nobody else
 * finds, and a fault in it ends one connection. The protocol has no authentication of its own, so
 * only this process may reach it: over a Unix socket in a folder of this user, and, where the system
 * allows that, in a network namespace without a network.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { builtRpc } from '../native/index.ts'
import { lastLine } from '../programs/index.ts'

/** How long a server may take to listen: a GPU driver may need seconds. */
const START_MS = 60_000
const RETRY_MS = 20

export interface ServerOptions {
  /** ggml's names of the devices; none: the CPU. */
  devices: readonly string[]
  /** The library of a GPU backend. */
  backend?: string | undefined
  threads?: number | undefined
}

export interface RpcServer {
  socket: Socket
  /** Ends the server. */
  close(): void
}

/** Who else on this machine can reach the server: nobody, or every user. */
export type Reach = 'no-network' | 'own-user' | 'any-user'

let isolation: Promise<Reach> | undefined

/** Returns how servers are kept apart on this machine. */
export function reach(): Promise<Reach> {
  return (isolation ??= new Promise((resolve) => {
    if (process.platform === 'win32') resolve('any-user')
    else if (process.platform !== 'linux') resolve('own-user')
    else
      execFile('unshare', ['-rn', 'true'], { timeout: 10_000 }, (error) =>
        resolve(error === null ? 'no-network' : 'own-user'),
      )
  }))
}

/** Starts a server and connects to it. Rejects with an `Error` that says why it could not. */
export async function startServer(options: ServerOptions): Promise<RpcServer> {
  const how = await reach()
  const folder = mkdtempSync(join(tmpdir(), 'braid-')) // mode 0700
  const place = how === 'any-user' ? await freePort() : { path: join(folder, 's') }
  const { server } = builtRpc()
  const args = [
    '--host',
    'path' in place ? place.path : '127.0.0.1',
    '--port',
    String('path' in place ? 1 : place.port),
    ...(options.threads === undefined ? [] : ['--threads', String(options.threads)]),
    ...(options.devices.length === 0 ? [] : ['--device', options.devices.join(',')]),
  ]
  const [command, ...rest] = how === 'no-network' ? ['unshare', '-rn', server] : [server]
  const child = spawn(command, [...rest, ...args], {
    // ggml loads backends from the working folder, too.
    cwd: dirname(server),
    env: { ...process.env, ...(options.backend && { GGML_BACKEND_PATH: options.backend }) },
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
  })
  const close = () => void child.kill('SIGKILL')
  process.once('exit', close)
  child.once('close', () => process.off('exit', close))
  try {
    return { socket: await connected(child, place), close }
  } catch (error) {
    close()
    throw error
  } finally {
    // Nobody else connects to it.
    rmSync(folder, { recursive: true, force: true })
  }
}

type Place = { path: string } | { port: number }

async function connected(child: ChildProcess, place: Place): Promise<Socket> {
  const said = lastLine(child.stderr!)
  let ended: string | undefined
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, signal) => (ended = `it ended with ${signal ?? `exit code ${code}`}`))
  for (const began = performance.now(); performance.now() - began < START_MS;) {
    const socket = await tried(place)
    if (socket !== undefined) return socket
    if (ended !== undefined) throw new Error([ended, said()].filter(Boolean).join(': '))
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
  throw new Error(`it does not listen after ${START_MS / 1000} s`)
}

function tried(place: Place): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect('path' in place ? place : { ...place, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.off('error', none)
      resolve(socket)
    })
    const none = () => resolve(undefined)
    socket.once('error', none)
  })
}

function freePort(): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve({ port }))
    })
  })
}
