/**
 * Writes the tensors of a conversion in pieces, so that only a few MiB of weights are in memory at
 * a time.
 */
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { regularHandle } from '../../files/index.ts'
import { BraidError, fail } from '../../protocol/errors.ts'
import { padded } from './gguf-writer.ts'
import { decode, encode } from './numbers.ts'
import { readElements, sourceType, type SourceTensor } from './safetensors.ts'
import type { PlannedTensor } from './tensors.ts'
import { readJournal, saveJournal, sizeOf } from './work.ts'

/** Elements per piece: a multiple of every block size. */
const PIECE = 2 ** 20
/** Number of bytes after which the written data is synced and recorded in the journal. */
const NOTE_EVERY = 256 * 2 ** 20

export interface StreamOptions {
  folder: string
  file: string
  journal: string
  header: Buffer
  fingerprint: string
  tensors: readonly PlannedTensor[]
  signal?: AbortSignal
  /** Receives the number of bytes written to the file and the current tensor's name. */
  onProgress?: (done: number, tensor: string) => void
}

/**
 * Writes the file, resuming where the journal says it stopped. The file is durable when this
 * returns. Throws `cancelled`, `disk-full`, `bad-model` or `io`.
 */
export async function writeTensors(options: StreamOptions): Promise<void> {
  const { file, header, tensors, fingerprint, journal } = options
  const starts = [header.length]
  for (const { bytes } of tensors) starts.push(starts.at(-1)! + padded(bytes))
  const noted = Math.min(await readJournal(journal, fingerprint), tensors.length)
  const done = noted > 0 && (await sizeOf(file)) >= starts[noted]! ? noted : 0

  const out = await regularHandle(file, done > 0 ? 'r+' : 'w')
  const sources = new Map<string, FileHandle>()
  try {
    await out.truncate(starts[done]!)
    if (done === 0) await writeAll(out, header, 0)
    let unnoted = 0
    for (let i = done; i < tensors.length; i++) {
      const tensor = tensors[i]!
      let at = starts[i]!
      for await (const piece of pieces(tensor, (source) =>
        openSource(sources, options.folder, source),
      )) {
        if (options.signal?.aborted) throw fail('cancelled/convert')
        await writeAll(out, piece, at)
        at += piece.length
        options.onProgress?.(at, tensor.name)
      }
      if (at !== starts[i]! + tensor.bytes)
        throw new BraidError(
          'internal',
          `${tensor.name}: ${at - starts[i]!} bytes were written; expected ${tensor.bytes}.`,
        )
      await writeAll(out, Buffer.alloc(starts[i + 1]! - at), at)
      unnoted += tensor.bytes
      if (unnoted >= NOTE_EVERY || i === tensors.length - 1) {
        await out.sync()
        await saveJournal(journal, { fingerprint, tensors: i + 1 })
        unnoted = 0
      }
    }
  } finally {
    for (const handle of sources.values()) await handle.close()
    await out.close()
  }
}

async function openSource(
  sources: Map<string, FileHandle>,
  folder: string,
  { file }: SourceTensor,
): Promise<FileHandle> {
  let handle = sources.get(file)
  if (!handle) sources.set(file, (handle = await regularHandle(join(folder, file))))
  return handle
}

async function* pieces(
  tensor: PlannedTensor,
  openFile: (source: SourceTensor) => Promise<FileHandle>,
): AsyncGenerator<Uint8Array> {
  const { from, type, name, elements, interleave } = tensor
  if (from instanceof Float32Array) {
    yield encode(type, from, name)
    return
  }
  const handle = await openFile(from)
  const source = sourceType(from)
  const columns = from.shape.length > 1 ? from.shape.at(-1)! : 1
  // Read whole heads, so that their rows can be reordered.
  const head = interleave * columns
  const step = interleave > 0 ? Math.max(1, Math.floor(PIECE / head)) * head : PIECE
  for (let start = 0; start < elements; start += step) {
    const count = Math.min(step, elements - start)
    let values = decode(source, await readElements(handle, from, start, count), name)
    if (interleave > 0) values = interleaveHeads(values, interleave, columns)
    yield encode(type, values, name)
  }
}

/**
 * Reorders the rows of each head from [first half, second half] to adjacent pairs. Hugging Face
 * rotates halves; llama.cpp's Llama rotates adjacent rows (conversion/llama.py, `permute`).
 */
export function interleaveHeads(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length)
  const half = rows / 2
  for (let head = 0; head < values.length; head += rows * columns) {
    for (let row = 0; row < rows; row++) {
      const from = head + ((row % 2) * half + (row >> 1)) * columns
      out.set(values.subarray(from, from + columns), head + row * columns)
    }
  }
  return out
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length)
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}
