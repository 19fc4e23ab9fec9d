import { fail } from '../protocol/errors.ts'
import { chatOnly } from './chat-only.ts'
import { member, textIn, type Dialect } from './dialect.ts'
import { llamaServer } from './llama-server.ts'
import type { Server } from './server.ts'
import { vllm } from './vllm.ts'

/** The most models of a server that are listed. */
const MAX_LISTED = 1000
const MAX_NAME = 1024

/** Returns the models of a server, as it names them. Errors: `io`, `bad-request`, `cancelled`. */
export async function listModels(server: Server, signal: AbortSignal): Promise<string[]> {
  return (await entries(server, signal)).map(({ name }) => name)
}

async function entries(server: Server, signal: AbortSignal) {
  const data = member(await server.ask('/v1/models', undefined, signal), 'data')
  if (!Array.isArray(data)) throw server.broken('no list of models')
  return data.slice(0, MAX_LISTED).flatMap((entry: unknown) => {
    const name = textIn(member(entry, 'id'))
    return name === undefined || name === '' || name.length > MAX_NAME ? [] : [{ name, entry }]
  })
}

/**
 * Finds out how to talk to a model on a server by trying, most capable first. Errors:
 * `model-not-found`, `io`, `bad-request`, `cancelled`.
 */
export async function probe(server: Server, model: string, signal: AbortSignal): Promise<Dialect> {
  const all = await entries(server, signal)
  const found = all.find(({ name }) => name === model)
  if (found === undefined)
    throw fail('model-not-found/server', {
      model,
      server: server.url,
      models: all
        .slice(0, 8)
        .map(({ name }) => name)
        .join(', '),
    })
  return (
    (await llamaServer(server, signal)) ??
    (await vllm(server, model, found.entry, signal)) ??
    (await chatOnly(server, model, found.entry, signal))
  )
}
