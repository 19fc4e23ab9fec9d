import type { ServerAddress } from '../protocol/address.ts'
import { findControlTokens, findThoughtMarks, promptTokenizer } from '../prompt/index.ts'
import { connect, serverUrl, type Limits } from '../remote/index.ts'
import type { LoadedModel } from './loaded.ts'

/** A model's cells are the server's: none of its memory is here. */
const NO_BYTES = { f32: 0, f16: 0, q8_0: 0, q4_0: 0 }

/**
 * Connects to a model on a server, and returns it as one that is loaded. `file`: its address as
 * requests write it. Errors: `model-not-found`, `bad-request`, `io`, `cancelled`.
 */
export async function serverModel(
  file: string,
  { server, name }: ServerAddress,
  { key, limits }: { key: string | undefined; limits?: Limits | undefined },
  signal: AbortSignal,
): Promise<LoadedModel> {
  const url = serverUrl(server)
  const native = await connect({ url, key }, name, signal, limits)
  const thought = findThoughtMarks({
    info: { chatTemplate: native.template },
    specialTokens: () => [],
    // Without a vocabulary, the usual marks are looked for as text.
    tokenize: () => Int32Array.of(0),
  })
  return {
    native,
    file,
    sizeBytes: 0,
    tokens: findControlTokens(native),
    // A server that does not show its template may still have a model that thinks.
    thought: native.template === '' ? { ...thought, expected: false } : thought,
    ...promptTokenizer(native),
    device: url,
    workers: [],
    kvBytesPerToken: NO_BYTES,
    ref: {
      address: { server: url, name },
      name,
      nativePaths: 0,
      thoughtRows: 0,
      capabilities: native.can,
    },
  }
}

export const isRemote = ({ ref }: Pick<LoadedModel, 'ref'>): boolean =>
  ref.capabilities !== undefined
