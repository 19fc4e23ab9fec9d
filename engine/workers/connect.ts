/** The engine's end of a tunnel. */
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type BraidError, fail } from '../protocol/errors.ts'
import { hostPort } from '../protocol/workers.ts'
import {
  agree,
  greet,
  greeting,
  type Hello,
  IDENTITY,
  TLS,
  Welcome,
  type Versions,
} from './wire.ts'

const CONNECT_MS = 15_000
/** A worker may have to start a GPU driver first. */
const WELCOME_MS = 75_000

export interface Connection {
  socket: TLSSocket
  welcome: Extract<Welcome, { answer: 'yes' }>
}

/**
 * Connects to a worker and greets it. Errors: `io`; `bad-request` if it refuses the code,
 * `bad-combination` for versions that do not agree.
 */
export async function connect(
  worker: string,
  key: Buffer,
  what: Hello['what'],
  versions: Versions,
): Promise<Connection> {
  const socket = await secure(worker, key)
  try {
    greet(socket, { versions, what })
    const welcome = await greeting(socket, Welcome, { ms: WELCOME_MS }).catch((error: Error) => {
      throw fail('io/worker-wrong', { worker, reason: error.message })
    })
    if (!agree(welcome.versions, versions))
      throw fail('bad-combination/worker-version', {
        worker,
        theirs: welcome.versions.braid,
        theirLlama: welcome.versions.llama,
        ours: versions.braid,
        ourLlama: versions.llama,
      })
    if (welcome.answer === 'yes') return { socket, welcome }
    const { why, reason } = welcome
    if (why === 'busy') throw fail('io/worker-busy', { worker })
    if (why === 'failed') throw fail('io/worker-failed', { worker, reason })
    throw fail('io/worker-wrong', { worker, reason: 'it refuses a version like its own' })
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function secure(worker: string, key: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...TLS,
      ...hostPort(worker),
      pskCallback: () => ({ psk: key, identity: IDENTITY }),
      // A pre-shared key proves the other end; there is no certificate.
      checkServerIdentity: () => undefined,
    })
    const failed = (error: BraidError) => {
      socket.destroy()
      reject(error)
    }
    const unreachable = (reason: string) => fail('io/worker-unreachable', { worker, reason })
    socket.setTimeout(CONNECT_MS, () => failed(unreachable('no answer')))
    socket.once('error', (error: NodeJS.ErrnoException) => failed(reasonOf(worker, error)))
    socket.once('secureConnect', () => {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      socket.removeAllListeners('error')
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}

function reasonOf(worker: string, { code = '', message }: NodeJS.ErrnoException): BraidError {
  // The other end tells by an alert that the key is not its own.
  if (/^ERR_SSL_.*ALERT/.test(code)) return fail('bad-request/worker-code', { worker })
  if (code.startsWith('ERR_SSL_')) return fail('io/worker-wrong', { worker, reason: code })
  return fail('io/worker-unreachable', { worker, reason: code === '' ? message : code })
}
