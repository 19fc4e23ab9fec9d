/**
 * A program that connects its parent with workers. It is a process of its own since native code of the
 * parent waits for what comes through, also on the thread of JavaScript. Each worker gets a Unix
 * socket in a folder that only this user can open (on Windows a port of the loopback interface); each
 * connection to it is a tunnel. If a tunnel breaks, the parent is told, and its connection stays open
 * and silent: ggml would end the process if it was closed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toBraidError } from '../protocol/errors.ts'
import { runError } from '../protocol/events.ts'
import { keyOf } from './code.ts'
import { connect } from './connect.ts'
import type { Ask, Told } from './tunnel.ts'
import { bridge, ownVersions, type Pulse } from './wire.ts'

const tell = (message: Told) => void (process.connected && process.send!(message))
const versions = ownVersions()
const folder = mkdtempSync(join(tmpdir(), 'braid-')) // mode 0700
let sockets = 0

interface Target {
  worker: string
  key: Buffer
  pulse: Pulse | undefined
}

async function carry(local: Socket, { worker, key, pulse }: Target): Promise<void> {
  local.on('error', () => undefined)
  local.pause()
  let reason: string | null
  try {
    const { socket } = await connect(worker, key, 'compute', versions)
    reason = await bridge(local, socket, pulse)
  } catch (error) {
    local.resume()
    reason = toBraidError(error).message
  }
  if (reason !== null && !local.destroyed) tell({ type: 'lost', worker, reason })
}

/** Returns the endpoint of a worker for ggml. */
function open(target: Target): Promise<string> {
  const server = createServer((local) => void carry(local, target))
  const path = join(folder, String(sockets++))
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    if (process.platform === 'win32')
      server.listen(0, '127.0.0.1', () =>
        resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`),
      )
    else server.listen(path, () => resolve(`${path}:0`))
  })
}

const endpoints = new Map<string, Promise<string>>()

process.on('message', ({ id, worker, code, pulse, what }: Ask) => {
  const answer = async (): Promise<Told> => {
    const key = keyOf(code)
    const { socket, welcome } = await connect(worker, key, 'look', versions)
    socket.destroy()
    const { devices } = welcome
    if (what === 'look') return { type: 'answer', id, devices, endpoint: '' }
    const known = `${worker} ${code}`
    if (!endpoints.has(known)) endpoints.set(known, open({ worker, key, pulse }))
    return { type: 'answer', id, devices, endpoint: await endpoints.get(known)! }
  }
  answer()
    .catch((error: unknown): Told => ({
      type: 'refused',
      id,
      error: runError(toBraidError(error)),
    }))
    .then(tell)
})
process.on('SIGINT', () => undefined) // Ctrl-C reaches the parent, too, which decides.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('disconnect', () => process.exit(0))
