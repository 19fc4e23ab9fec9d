/**
 * Tries every number of a model's metadata with values that no model has, over every architecture:
 * each file must be refused with a typed error or run, in bounded time and memory. `npm run
 * fuzz:model-keys` tries all; a test a sample.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NUMBERS } from '../../engine/models/hparams.ts'
import { metadataOf, weightsOf } from '../support/architectures.ts'
import {
  array,
  encodeGguf,
  str,
  type GgufValue,
  type Metadata,
  type Tensor,
} from '../support/gguf-writer.ts'
import { LoadProcess, type Answer } from '../support/load-process.ts'
import { Random } from '../support/random.ts'

export interface Mutant {
  variant: string
  /** Such as `attention.head_count = u32 0`. */
  what: string
  metadata: Metadata
  tensors: readonly Tensor[]
}

const INTEGERS = [0, 1, 2, 3, 255, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
const FLOATS = [NaN, Infinity, -Infinity, 0, -1, 1e-45, 2 ** 31, 2 ** 63, -(2 ** 63), 3e38]

/** Values of a key whose type llama.cpp expects to be `type`: of that type, then of others. */
function valuesOf(type: 'u32' | 'f32' | 'bool', layers: number): GgufValue[] {
  const own: GgufValue[] =
    type === 'u32'
      ? INTEGERS.map((value) => ({ type, value }))
      : type === 'f32'
        ? FLOATS.map((value) => ({ type, value }))
        : [true, false].map((value) => ({ type, value }))
  const others: GgufValue[] = [
    { type: 'i32', value: -1 },
    { type: 'u64', value: 2n ** 63n },
    { type: 'i64', value: -1n },
    { type: 'f32', value: NaN },
    { type: 'f64', value: Infinity },
    { type: 'u8', value: 1 },
    { type: 'bool', value: true },
    str('7'),
    array('u32', []),
    array(type === 'bool' ? 'u32' : type, [1]),
    array('string', ['a']),
    array('f32', Array<number>(layers).fill(NaN)),
    array('i32', Array<number>(layers).fill(-1)),
    array('u32', Array<number>(layers).fill(0)),
    array('u32', Array<number>(513).fill(1)),
  ]
  return [...own, ...others]
}

const shown = (value: GgufValue): string =>
  value.type === 'array'
    ? `${value.of}[${value.values.length}] ${String(value.values[0])}`
    : `${value.type} ${String(value.value)}`

/**
 * Returns the keys, without the architecture, that llama.cpp reads of this architecture: those of
 * which it refuses a text and a list of texts.
 */
export async function keysOf(
  variant: string,
  tensors: readonly Tensor[],
  loader: LoadProcess,
  file: string,
): Promise<string[]> {
  const base = metadataOf(variant)
  const arch = variant.split(' ')[0]!
  const read: string[] = []
  for (const name of Object.keys(NUMBERS))
    for (const wrong of [str('7'), array('string', ['a'])]) {
      writeFileSync(file, encodeGguf({ ...base, [`${arch}.${name}`]: wrong }, tensors))
      const { outcome } = await loader.ask({ unchecked: file })
      if (outcome === 'ran') continue
      read.push(name)
      break
    }
  return read
}

/** All mutants of a variant's keys, also of those that the tiny model lacks. */
export function* keyMutants(
  variant: string,
  tensors: readonly Tensor[],
  keys: readonly string[] = Object.keys(NUMBERS),
): Generator<Mutant> {
  const base = metadataOf(variant)
  const arch = variant.split(' ')[0]!
  const layers = (base[`${arch}.block_count`] as { value: number }).value
  const mutant = (key: string, value: GgufValue | undefined, of = shown): Mutant => {
    const metadata: Metadata = { ...base }
    if (value === undefined) delete metadata[key]
    else metadata[key] = value
    return {
      variant,
      what: `${key.replace(`${arch}.`, '')} = ${value === undefined ? 'absent' : of(value)}`,
      metadata,
      tensors,
    }
  }
  for (const name of keys) {
    const { type } = NUMBERS[name]!
    const key = `${arch}.${name}`
    const before = base[key]
    if (before !== undefined) yield mutant(key, undefined)
    for (const value of valuesOf(type, layers)) yield mutant(key, value)
    if (before?.type === 'u32') {
      for (const value of [1, -1])
        yield mutant(key, { type: 'u32', value: Math.max(0, Number(before.value) + value) })
      yield mutant(key, { type: 'u32', value: 2 * Number(before.value) })
    }
    if (before?.type === 'array')
      for (const wrong of [0, 1, 7, 2 ** 31])
        yield mutant(key, array(before.of, [wrong, ...before.values.slice(1)]))
  }
}

export interface FuzzTotals {
  mutants: number
  ran: number
  refused: number
  /** Mutants that broke a rule: `variant: what`, and how. */
  faults: { mutant: string; how: string }[]
  processes: number
  slowestMs: number
  mostBytes: number
}

/** What a load may take: its file, a graph, and a context of 256 cells. */
const BYTES = 200 * 2 ** 20
const SLOW_MS = 20_000

/** Tries mutants, one after another, with `jobs` processes. */
export async function tryMutants(
  mutants: Iterable<Mutant>,
  {
    jobs = 1,
    onAnswer,
  }: { jobs?: number; onAnswer?: (mutant: Mutant, answer: Answer) => void } = {},
): Promise<FuzzTotals> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-keys-'))
  const totals: FuzzTotals = {
    mutants: 0,
    ran: 0,
    refused: 0,
    faults: [],
    processes: 0,
    slowestMs: 0,
    mostBytes: 0,
  }
  const each = mutants[Symbol.iterator]()
  const worker = async (id: number) => {
    const loader = new LoadProcess()
    for (;;) {
      const { value: mutant, done } = each.next()
      if (done) break
      const file = join(folder, `${id}.gguf`)
      writeFileSync(file, encodeGguf(mutant.metadata, mutant.tensors))
      const begin = performance.now()
      const answer = await loader.ask({ file })
      const ms = performance.now() - begin
      onAnswer?.(mutant, answer)
      totals.mutants++
      if (answer.outcome === 'ran') totals.ran++
      if (answer.outcome === 'refused') totals.refused++
      const bytes = answer.bytes ?? 0
      const how =
        answer.outcome !== 'ran' && answer.outcome !== 'refused'
          ? `${answer.outcome} ${answer.code ?? ''} ${answer.message ?? ''}`
          : bytes > BYTES
            ? `took ${Math.round(bytes / 2 ** 20)} MiB`
            : ms > SLOW_MS
              ? `took ${Math.round(ms)} ms`
              : undefined
      if (how !== undefined)
        totals.faults.push({ mutant: `${mutant.variant}: ${mutant.what}`, how })
      totals.slowestMs = Math.max(totals.slowestMs, ms)
      totals.mostBytes = Math.max(totals.mostBytes, bytes)
    }
    totals.processes += loader.started
    loader.close()
  }
  await Promise.all(Array.from({ length: jobs }, (_, id) => worker(id)))
  rmSync(folder, { recursive: true })
  return totals
}

/** Returns a seeded sample. */
export function sample<T>(all: readonly T[], count: number, seed: number): T[] {
  const random = new Random(seed)
  const rest = [...all]
  return Array.from(
    { length: Math.min(count, rest.length) },
    () => rest.splice(random.int(rest.length), 1)[0]!,
  )
}
void weightsOf
