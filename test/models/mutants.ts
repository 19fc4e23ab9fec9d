/**
 * Tries seeded mutants of GGUF files on the header check: each must be read or refused with a typed error, in bounded time and
 * memory, and a file that was read must not make llama.cpp abort. `npm run fuzz:gguf -- 100000 [seed]` tries many; a test a few.
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readModelInfo } from '../../engine/models/info.ts'
import { loadAddon } from '../../engine/native/load.ts'
import { BraidError } from '../../engine/protocol/errors.ts'
import { Random } from '../support/random.ts'
import { tinyModel } from '../support/tiny-models.ts'

export interface FuzzResult {
  mutants: number
  read: number
  refused: number
  slowestMs: number
  peakRss: number
  messages: Map<string, number>
}

const INTERESTING = [
  0n,
  1n,
  2n,
  8n,
  9n,
  12n,
  13n,
  255n,
  512n,
  513n,
  1024n,
  65_536n,
  2n ** 24n,
  64n * 2n ** 20n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
]

/** Asks llama.cpp what a context of this model would take, as the page of a model does; what it refuses must be a typed error. An abort ends this process. */
export async function planOf(path: string): Promise<void> {
  const options = { cells: 1024, sequences: 4, kvType: 'f16', flashAttention: 'auto' } as const
  try {
    const plan = await loadAddon({ gpu: false }).openPlan({ path, device: 'cpu', gpuLayers: 0 })
    await plan.measure(options).finally(() => plan.close())
  } catch (error) {
    if (!['bad-model', 'bad-combination'].includes((error as { code?: string }).code ?? ''))
      throw error
  }
}

/** Throws at the first mutant that breaks a rule, and keeps its file for inspection. */
export async function fuzzGguf(
  mutants: number,
  seed: number,
  onProgress?: (done: number) => void,
): Promise<FuzzResult> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-fuzz-'))
  const sources = (['qwen2', 'llama'] as const).map(
    (shape) =>
      tinyModel({
        shape,
        layers: 2,
        heads: 2,
        kvHeads: 1,
        headDim: 8,
        ff: 8,
        thoughts: 3,
        chatTemplate: '{{ x }}',
      }).gguf,
  )
  const random = new Random(seed)
  const result: FuzzResult = {
    mutants,
    read: 0,
    refused: 0,
    slowestMs: 0,
    peakRss: 0,
    messages: new Map(),
  }
  for (let i = 0; i < mutants; i++) {
    const file = join(folder, 'mutant.gguf')
    const bytes = mutate(sources[i % 2]!, sources[(i + 1) % 2]!, random)
    writeFileSync(file, bytes)
    // A hole at the end, so that huge sizes can be within the file.
    if (random.int(4) === 0) truncateSync(file, bytes.length + 2 ** (20 + random.int(20)))
    // Processor time, so that other load on the machine does not count.
    const begin = process.cpuUsage()
    const outcome: unknown = await readModelInfo(file).then(
      () => 'read',
      (error: unknown) => error,
    )
    const { user, system } = process.cpuUsage(begin)
    const ms = (user + system) / 1000
    result.slowestMs = Math.max(result.slowestMs, ms)
    result.peakRss = Math.max(result.peakRss, process.memoryUsage.rss())
    if (outcome === 'read') {
      result.read++
      await planOf(file)
    } else if (
      outcome instanceof BraidError &&
      (outcome.code === 'bad-model' || outcome.code === 'model-not-found')
    ) {
      result.refused++
      const kind = outcome.message.replace(/"(\\.|[^"\\])*"|-?\d[\d.e+]*|Infinity/g, '#')
      result.messages.set(kind, (result.messages.get(kind) ?? 0) + 1)
    } else
      throw new Error(`mutant ${i} of seed ${seed} (${file}) gave no typed error`, {
        cause: outcome,
      })
    if (ms > 2000) throw new Error(`mutant ${i} of seed ${seed} (${file}) took ${ms} ms`)
    onProgress?.(i + 1)
  }
  rmSync(folder, { recursive: true })
  return result
}

function mutate(source: Buffer, other: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(source)
  for (let n = 1 + random.int(4); n > 0; n--) {
    // Most of the damage is near the start, where the structure is.
    const at = Math.floor(bytes.length * random.next() ** 3)
    const length = 1 + random.int(64)
    switch (random.int(7)) {
      case 0:
        if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << random.int(8))
        break
      case 1:
        bytes = Buffer.from(bytes.subarray(0, at))
        break
      case 2:
      case 3: {
        const value = INTERESTING[random.int(INTERESTING.length)]!
        if (at + 8 > bytes.length) break
        if (random.int(2)) bytes.writeBigUInt64LE(value, at)
        else bytes.writeUInt32LE(Number(value & 0xffffffffn), at)
        break
      }
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
        break
      default:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          other.subarray(at, at + length),
          bytes.subarray(at + length),
        ])
    }
  }
  return retarget(bytes, random)
}

/** Sometimes sets a known integer key to an extreme number. */
function retarget(bytes: Buffer, random: Random): Buffer {
  if (random.int(3) !== 0) return bytes
  const keys = [
    'block_count',
    'head_count',
    'head_count_kv',
    'key_length',
    'embedding_length',
    'dimension_count',
    'context_length',
    'alignment',
    'file_type',
  ]
  const key = keys[random.int(keys.length)]!
  const at = bytes.indexOf(key)
  if (at > 0 && at + key.length + 8 <= bytes.length)
    bytes.writeUInt32LE(
      Number(INTERESTING[random.int(INTERESTING.length)]! & 0xffffffffn),
      at + key.length + 4,
    )
  return bytes
}
