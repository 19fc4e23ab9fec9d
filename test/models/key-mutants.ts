/**
 * Tries every number of a model's metadata with values that no model has, over every architecture,
 * and tokenizers that do not fit their vocabulary: each file must be refused with a typed error or
 * run, in bounded time and memory. `npm run fuzz:model-keys` tries all; a test tries a sample.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NUMBERS, type NumberRule } from '../../engine/models/hparams.ts'
import { metadataOf, weightsOf } from '../support/architectures.ts'
import {
  array,
  bool,
  encodeHeader,
  encodeTensors,
  f32,
  str,
  u32,
  type GgufValue,
  type Metadata,
  type Tensor,
} from '../support/gguf-writer.ts'
import { type LoadProcess } from '../support/load-process.ts'
import { Random } from '../support/random.ts'

export interface Mutant {
  variant: string
  /** Such as `attention.head_count = u32 0`. */
  what: string
  metadata: Metadata
  tensors: readonly Tensor[]
}

/** The tiny model of an architecture; it runs. */
export interface Base {
  variant: string
  tensors: Tensor[]
}

/**
 * Makes the tiny model of a variant: with every tensor that its loader reads if that runs, else with
 * those that it insists on. Throws if neither runs.
 */
export async function baseOf(variant: string, loader: LoadProcess): Promise<Base> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-base-'))
  const scratch = join(folder, 'model.gguf')
  const faults: string[] = []
  try {
    for (const all of [true, false]) {
      const learned = await loader.ask({ learn: { variant, scratch, all } })
      faults.push(learned.message ?? learned.outcome)
      if (learned.outcome !== 'learned') continue
      const tensors = weightsOf(learned.tensors!)
      writeFileSync(scratch, fileOf(metadataOf(variant), tensors))
      const { outcome, message } = await loader.ask({ file: scratch })
      faults.push(message ?? outcome)
      if (outcome === 'ran') return { variant, tensors }
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  throw new Error(`The tiny model of ${variant} does not run: ${faults.join('; ')}`)
}

const bodies = new WeakMap<readonly Tensor[], Buffer>()

/** Encodes a model; the tensors, which thousands of mutants share, only once. */
function fileOf(metadata: Metadata, tensors: readonly Tensor[]): Buffer {
  const body = bodies.get(tensors) ?? encodeTensors(tensors)
  bodies.set(tensors, body)
  return Buffer.concat([encodeHeader(metadata, tensors), body])
}

/** Returns the numbers that a tiny model has, without the architecture in front. */
export const ownKeys = ({ variant }: Base): string[] =>
  [...NUMBERS.keys()].filter((name) => `${archOf(variant)}.${name}` in metadataOf(variant))

/** Returns the numbers that llama.cpp reads: those of which it refuses a text or a list of texts. */
export async function keysOf({ variant, tensors }: Base, loader: LoadProcess): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-base-'))
  const scratch = join(folder, 'model.gguf')
  const base = metadataOf(variant)
  const read: string[] = []
  for (const name of NUMBERS.keys())
    for (const wrong of [str('7'), array('string', ['a'])]) {
      const metadata = { ...base, [`${archOf(variant)}.${name}`]: wrong }
      writeFileSync(scratch, fileOf(metadata, tensors))
      if ((await loader.ask({ unchecked: scratch })).outcome === 'ran') continue
      read.push(name)
      break
    }
  rmSync(folder, { recursive: true })
  return read
}

const archOf = (variant: string): string => variant.split(' ')[0]!

const INTEGERS = [0, 1, 2, 3, 255, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
const FLOATS = [NaN, Infinity, -Infinity, 0, -1, 1e-45, 2 ** 31, 2 ** 63, -(2 ** 63), 3e38]

/** Values of a key: of the type that llama.cpp expects, then of others, then lists. */
function valuesOf(type: NumberRule['type'], layers: number): GgufValue[] {
  const own: GgufValue[] =
    type === 'u32'
      ? INTEGERS.map((value) => ({ type, value }))
      : type === 'f32'
        ? FLOATS.map((value) => ({ type, value }))
        : [true, false].map((value) => ({ type, value }))
  return [
    ...own,
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
}

const shown = (value: GgufValue | undefined): string =>
  value === undefined
    ? 'absent'
    : value.type === 'array'
      ? `${value.of}[${value.values.length}] ${String(value.values[0])}`
      : `${value.type} ${String(value.value)}`

/** All mutants of a model's numbers with these names. */
export function* keyMutants(
  { variant, tensors }: Base,
  keys: readonly string[],
): Generator<Mutant> {
  const base = metadataOf(variant)
  const layers = (base[`${archOf(variant)}.block_count`] as { value: number }).value
  for (const name of keys) {
    const { type } = NUMBERS.get(name)!
    const key = `${archOf(variant)}.${name}`
    const before = base[key]
    const values: (GgufValue | undefined)[] = valuesOf(type, layers)
    if (before !== undefined) values.push(undefined)
    if (before?.type === 'u32') {
      const value = Number(before.value)
      for (const near of [value + 1, Math.max(0, value - 1), 2 * value])
        values.push({ type: 'u32', value: near })
    }
    if (before?.type === 'array')
      for (const wrong of [0, 1, 7, 2 ** 31])
        values.push(array(before.of, [wrong, ...before.values.slice(1)]))
    for (const value of values) {
      const metadata: Metadata = { ...base }
      if (value === undefined) delete metadata[key]
      else metadata[key] = value
      yield { variant, what: `${name} = ${shown(value)}`, metadata, tensors }
    }
  }
}

/** All mutants of a model that lack a tensor, or have it in another shape or type. */
export function* tensorMutants({ variant, tensors }: Base): Generator<Mutant> {
  const metadata = metadataOf(variant)
  const mutant = (what: string, changed: Tensor[]): Mutant => ({
    variant,
    what,
    metadata,
    tensors: changed,
  })
  for (const [i, tensor] of tensors.entries()) {
    const others = (next: Partial<Tensor>) =>
      tensors.map((one, k) => (k === i ? { ...one, ...next } : one))
    yield mutant(`no ${tensor.name}`, [...tensors.slice(0, i), ...tensors.slice(i + 1)])
    yield mutant(`${tensor.name} reversed`, others({ shape: [...tensor.shape].reverse() }))
    yield mutant(`${tensor.name} in one row`, others({ shape: [tensor.data.length] }))
    for (const type of ['f16', 'q8_0', 'i32', 'f64', 'q8_k'] as const) {
      const block = { f16: 1, q8_0: 32, i32: 1, f64: 1, q8_k: 256 }[type]
      if (tensor.shape[0]! % block === 0)
        yield mutant(`${tensor.name} as ${type}`, others({ type }))
    }
  }
}

const BPE_KINDS = ['gpt2', 'hybriddna', 'whitespace', 'gemma4']
const KINDS = [...BPE_KINDS, 'llama', 'bert', 't5', 'rwkv', 'plamo2', 'none', 'no_vocab', 'x', '']

/** A vocabulary as SentencePiece makes it: the unknown token, two controls, bytes, pieces. */
function pieces(count: number): { tokens: string[]; types: number[] } {
  const bytes = Array.from(
    { length: 256 },
    (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
  )
  const rest = Array.from({ length: count - 259 }, (_, i) => `\u2581p${i}`)
  return {
    tokens: ['<unk>', '<s>', '</s>', ...bytes, ...rest],
    types: [2, 3, 3, ...bytes.map(() => 6), ...rest.map(() => 1)],
  }
}

/** Tokenizers that do not fit their vocabularies, with the tensors of one model. */
export function* tokenizerMutants({ variant, tensors }: Base): Generator<Mutant> {
  const base = metadataOf(variant)
  const of = (name: string) => `tokenizer.ggml.${name}`
  const list = base[of('tokens')] as { values: readonly string[] }
  const count = list.values.length
  const spm = pieces(count)
  const sentencePiece: Metadata = {
    ...base,
    [of('model')]: str('llama'),
    [of('tokens')]: array('string', spm.tokens),
    [of('token_type')]: array('i32', spm.types),
    [of('scores')]: array(
      'f32',
      spm.tokens.map((_, i) => -i),
    ),
    [of('bos_token_id')]: u32(1),
    [of('eos_token_id')]: u32(2),
    [of('unknown_token_id')]: u32(0),
  }
  const changes: [string, Record<string, GgufValue | undefined>][] = []
  const change = (what: string, values: Record<string, GgufValue | undefined>) =>
    changes.push([what, values])
  for (const kind of KINDS) {
    change(`model ${kind}`, { [of('model')]: str(kind) })
    for (const add of [true, false])
      change(`model ${kind}, ids ${add ? 'added' : 'not added'}, out of range`, {
        [of('model')]: str(kind),
        [of('add_bos_token')]: bool(add),
        [of('add_eos_token')]: bool(add),
        [of('add_sep_token')]: bool(add),
        [of('bos_token_id')]: u32(2 ** 31),
        [of('eos_token_id')]: u32(2 ** 32 - 1),
      })
    for (const type of [0, 2, 3, 4, 5, 6, 7, -1, 2 ** 31 - 1])
      change(`model ${kind}, every type ${type}`, {
        [of('model')]: str(kind),
        [of('token_type')]: array('i32', Array<number>(count).fill(type)),
      })
    for (const pre of ['', 'default', 'tekken', 'gemma4', 'qwen2', 'whitespace', 'x'])
      change(`model ${kind}, pre ${pre}`, { [of('model')]: str(kind), [of('pre')]: str(pre) })
  }
  for (const name of [
    'token_type',
    'scores',
    'merges',
    'tokens',
    'suppress_tokens',
    'precompiled_charsmap',
  ])
    for (const kind of ['gpt2', 'llama', 't5'])
      for (const [what, value] of [
        ['absent', undefined],
        ['empty', array('i32', [])],
        ['empty texts', array('string', Array<string>(count).fill(''))],
        ['one short', array(name === 'scores' ? 'f32' : 'i32', Array<number>(count - 1).fill(1))],
        ['one long', array(name === 'scores' ? 'f32' : 'i32', Array<number>(count + 1).fill(1))],
        ['numbers', array('u8', Array<number>(count).fill(255))],
        ['NaN', array('f32', Array<number>(count).fill(NaN))],
        ['texts', array('string', Array<string>(count).fill('a b c'))],
        [
          'distinct texts',
          array(
            'string',
            Array.from({ length: count }, (_, i) => ` ${i} `),
          ),
        ],
        ['a number', u32(1)],
        ['a text', str('a')],
      ] as const)
        change(`model ${kind}, ${name} ${what}`, { [of('model')]: str(kind), [of(name)]: value })
  for (const id of 'bos eos eot eom unknown seperator padding mask fim_pre fim_suf fim_mid fim_pad fim_rep fim_sep cls'.split(
    ' ',
  ))
    for (const value of [
      u32(count),
      u32(2 ** 31),
      u32(2 ** 32 - 1),
      { type: 'i32', value: -1 },
      { type: 'u64', value: 2n ** 63n },
      f32(NaN),
      str('1'),
      array('u32', [1]),
    ] as const)
      change(`${id} = ${shown(value)}`, { [of(`${id}_token_id`)]: value })
  for (const flag of [
    'add_bos_token',
    'add_eos_token',
    'add_sep_token',
    'add_space_prefix',
    'remove_extra_whitespaces',
  ])
    for (const value of [bool(true), bool(false), u32(1), str('yes'), f32(NaN)])
      change(`${flag} = ${shown(value)}`, { [of(flag)]: value })
  change('token_type_count = 2^32-1', { [of('token_type_count')]: u32(2 ** 32 - 1) })
  change('named after phi3', { 'general.name': str('Phi-3 mini') })
  for (const [vocabulary, from] of [
    ['BPE', base],
    ['SentencePiece', sentencePiece],
  ] as const)
    for (const [what, values] of changes) {
      const metadata: Metadata = { ...from }
      for (const [key, value] of Object.entries(values))
        if (value === undefined) delete metadata[key]
        else metadata[key] = value
      yield { variant, what: `${vocabulary}: ${what}`, metadata, tensors }
    }
}

export interface Totals {
  mutants: number
  ran: number
  refused: number
  /** How many of these the trial refused by its end. */
  tried: number
  /** Mutants that broke a rule, and how. */
  faults: { mutant: string; how: string }[]
  slowestMs: number
  mostBytes: number
}

/** What a load may take besides its file: a graph, and a context of 256 cells. */
const BYTES = 200 * 2 ** 20

/** Tries mutants one after another. */
export async function tryMutants(mutants: Iterable<Mutant>, loader: LoadProcess): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-keys-'))
  const file = join(folder, 'mutant.gguf')
  const totals: Totals = {
    mutants: 0,
    ran: 0,
    refused: 0,
    tried: 0,
    faults: [],
    slowestMs: 0,
    mostBytes: 0,
  }
  for (const mutant of mutants) {
    writeFileSync(file, fileOf(mutant.metadata, mutant.tensors))
    const begin = performance.now()
    const answer = await loader.ask({ file })
    totals.slowestMs = Math.max(totals.slowestMs, performance.now() - begin)
    totals.mutants++
    const { outcome, code = '', message = '', bytes = 0 } = answer
    if (outcome === 'ran') totals.ran++
    if (outcome === 'refused') totals.refused++
    if (outcome === 'refused' && code === '') totals.tried++
    totals.mostBytes = Math.max(totals.mostBytes, bytes)
    const how =
      outcome !== 'ran' && outcome !== 'refused'
        ? `${outcome} ${code} ${message}`
        : bytes > BYTES
          ? `took ${Math.round(bytes / 2 ** 20)} MiB`
          : undefined
    if (how !== undefined) totals.faults.push({ mutant: `${mutant.variant}: ${mutant.what}`, how })
  }
  rmSync(folder, { recursive: true })
  return totals
}

/** Returns a seeded sample. */
export function sample<T>(all: Iterable<T>, count: number, seed: number): T[] {
  const random = new Random(seed)
  const rest = [...all]
  return Array.from(
    { length: Math.min(count, rest.length) },
    () => rest.splice(random.int(rest.length), 1)[0]!,
  )
}
