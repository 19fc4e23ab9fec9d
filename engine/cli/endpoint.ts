import { connect, listModels, Server, serverUrl } from '../remote/index.ts'
import { serverAddress } from '../protocol/address.ts'
import { refusalOf } from '../protocol/capabilities.ts'
import { printable } from '../protocol/controls.ts'
import { fail } from '../protocol/errors.ts'
import { STRATEGIES } from '../protocol/request.ts'
import { DEFAULTS } from '../protocol/settings.ts'
import type { EndpointFlags, EngineFlags } from './engine-flags.ts'
import { UsageError } from './usage.ts'

/** A model on a server that flags name. */
export interface Endpoint {
  server: string
  name: string
  /** As requests write it (protocol/address.ts). */
  model: string
  key: string | undefined
  keyOf: (server: string) => string | undefined
}

/** Flags that choose what a server decides by itself. */
const OWN = {
  model: '--model',
  device: '--device',
  gpuLayers: '--gpu-layers',
  kvType: '--kv-type',
  flashAttn: '--flash-attn',
  threads: '--threads',
  context: '--context',
  thoughtEmbedding: '--thought-embedding',
  workers: '--workers',
} as const satisfies Record<keyof EngineFlags, string>

/**
 * Returns the model on a server that flags name; null if they name none. Without `--remote-model`,
 * it is the server's only one. Throws `UsageError`, and the errors of asking the server.
 */
export async function endpointOf(flags: EngineFlags & EndpointFlags): Promise<Endpoint | null> {
  const { endpoint, remoteModel, apiKeyEnv } = flags
  if (endpoint === undefined) {
    if (remoteModel !== undefined || apiKeyEnv !== undefined)
      throw new UsageError('--remote-model and --api-key-env need --endpoint.')
    return null
  }
  for (const [name, flag] of Object.entries(OWN) as [keyof EngineFlags, string][])
    if (flags[name] !== undefined) throw fail('bad-combination/server-device', { name: flag })
  const key = apiKeyEnv === undefined ? undefined : process.env[apiKeyEnv]
  if (apiKeyEnv !== undefined && (key === undefined || key === ''))
    throw new UsageError(`--api-key-env ${apiKeyEnv}: there is no such environment variable.`)
  const server = serverUrl(endpoint)
  const name = remoteModel ?? (await onlyModel(new Server({ url: server, key })))
  return {
    server,
    name,
    model: serverAddress({ server, name }),
    key,
    keyOf: (of) => (of === server ? key : undefined),
  }
}

async function onlyModel(server: Server): Promise<string> {
  const [first, ...others] = await listModels(server, new AbortController().signal)
  if (first === undefined) throw new UsageError(`${server.url} lists no model.`)
  if (others.length === 0) return first
  const names = [first, ...others].slice(0, 20).map((name) => printable(name))
  throw new UsageError(
    `${server.url} has several models: name one of them with --remote-model: ${names.join(', ')}.`,
  )
}

/** Connects to the model and returns what its server can do, as text or JSON. */
export async function describeServer(
  { server, name, key }: Endpoint,
  json: boolean,
): Promise<string> {
  const { can } = await connect({ url: server, key }, name, new AbortController().signal)
  const strategies = STRATEGIES.filter(
    (strategy) => refusalOf(can, { ...DEFAULTS, strategy }) === null,
  )
  if (json) return `${JSON.stringify({ server, name, capabilities: can, strategies })}\n`
  const rows: [string, string][] = [
    ['name', printable(name)],
    ['server', server],
    ['kind of server', can.dialect],
    ['context', can.context === undefined ? 'unknown' : `${can.context} tokens`],
    ['at once', can.slots === undefined ? 'unknown' : `${can.slots} requests`],
    ['branches', can.tokens ? 'at any token' : 'none: it only answers chats'],
    ['log-probabilities', can.logprobs ? 'of each token' : 'none'],
    ['alternatives', can.alternatives === 0 ? 'none' : `up to ${can.alternatives} per token`],
    ['fusion', 'by re-reading texts'],
    ['strategies', strategies.join(', ')],
  ]
  return rows.map(([label, value]) => `${label.padEnd(17)} ${value}\n`).join('')
}
