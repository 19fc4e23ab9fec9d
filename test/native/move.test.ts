/** Cells that are moved and copied to other positions: what changes, what does not, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type {
  ContextOptions,
  NativeContext,
  NativeModel,
  NativeToken,
  StreamOptions,
} from '../../engine/native/load.ts'
import { array, u32 } from '../support/gguf-writer.ts'
import { Random } from '../support/random.ts'
import { contextOf, fill, ids, openTiny, read, run, start, stream } from './support.ts'

let model: NativeModel
beforeAll(async () => {
  model = await openTiny({ endless: true })
})
afterAll(() => model.close())

const random = new Random(5)
const tokens = (n: number) => Array.from({ length: n }, () => random.int(256))
const PROMPT = tokens(20)
const PATHS = [tokens(70), tokens(45), tokens(30)]
const PROBE = tokens(12)
const YARN = { factor: 4, originalContext: 256 }
const rejected = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  )

/** Prompt in sequence 0, paths in 1, 2, 3. */
async function paths(options: Partial<ContextOptions> = {}): Promise<NativeContext> {
  const context = await contextOf(model, options)
  await fill(context, 0, PROMPT)
  for (const [i, path] of PATHS.entries()) {
    await context.copy(0, i + 1)
    await fill(context, i + 1, path)
  }
  return context
}
/** Returns the records of the probe's tokens behind a sequence, which stays as it is. */
const probe = (context: NativeContext, seq: number): Promise<NativeToken[]> =>
  read(context, seq, PROBE, 20)
/** Probes one sequence after another, so that each probe finds the same cells in the same places. */
async function probes(context: NativeContext, seqs: readonly number[]): Promise<NativeToken[][]> {
  const all: NativeToken[][] = []
  for (const seq of seqs) all.push(await probe(context, seq))
  return all
}
const difference = (a: readonly NativeToken[], b: readonly NativeToken[]) =>
  Math.max(...a.map(({ logprob }, i) => Math.abs(logprob! - b[i]!.logprob!)))
const join = (parts: StreamOptions['parts'], options: Partial<StreamOptions> = {}) =>
  stream({ id: 5, seq: 5, forced: PROBE, budget: PROBE.length, parts, thought: -1, ...options })
const SEPARATORS = [tokens(4), tokens(3), tokens(5)]
const words = (i: number) => ({ tokens: SEPARATORS[i]!, thought: -1 })
/** The prompt without its last two tokens, then each path behind a separator. */
const consecutive = (place: 'move' | 'copy') => [
  { from: 0, end: PROMPT.length - 2 },
  ...PATHS.flatMap((_, i) => [words(i), { from: i + 1, start: PROMPT.length, place }]),
]
const LENGTH =
  PROMPT.length - 2 + [...SEPARATORS, ...PATHS].reduce((sum, list) => sum + list.length, 0)

describe.each([
  ['without YaRN', {}],
  ['under YaRN', { yarn: YARN }],
] as const)('%s', (_, yarn) => {
  it.each(['f32', 'f16'] as const)(
    'a shift leaves other sequences bit-identical (%s)',
    async (kvType) => {
      const context = await paths({ ...yarn, kvType })
      const before = await probes(context, [0, 2, 3])
      const own = await probe(context, 1)
      for (let i = 0; i < 4; i++) await context.shift(1, PROMPT.length + 37 * i, 37)
      expect(await context.lastPosition(1)).toBe(PROMPT.length + PATHS[0]!.length - 1 + 4 * 37)
      expect(await probes(context, [0, 2, 3])).toEqual(before)
      expect(difference(await probe(context, 1), own)).toBeGreaterThan(0.01) // farther from the prompt
      await context.free()
    },
  )

  it.each([
    ['f32', 2e-4],
    ['f16', 2e-2],
  ] as const)('20 shifts there and back (%s) stay within %d', async (kvType, bound) => {
    const context = await paths({ ...yarn, kvType })
    const before = await probe(context, 1)
    for (let i = 0; i < 20; i++) {
      await context.shift(1, PROMPT.length, 300)
      await context.shift(1, PROMPT.length + 300, -300)
    }
    expect(difference(await probe(context, 1), before)).toBeLessThan(bound)
    await context.free()
  })
})

it('a stream that joins reports how much of its words it has read, once all is in place at the latest', async () => {
  const context = await paths()
  const reading: unknown[] = []
  const total = SEPARATORS.reduce((sum, list) => sum + list.length, 0)
  await context.decode({
    streams: [join(consecutive('copy'))],
    finish: 0,
    cells: 4096,
    logprobs: false,
    alternatives: 0,
    onBatch: (batch) => reading.push(...(batch.reading ?? [])),
  }).done
  expect(reading.at(-1)).toEqual({ id: 5, done: total, tokens: total })
  await context.free()
})

it('whole sequences that are shifted say the same, since only distances matter', async () => {
  for (const yarn of [undefined, YARN]) {
    const context = await contextOf(model, yarn ? { yarn } : {})
    await fill(context, 1, PATHS[0]!)
    const before = await probe(context, 1)
    await context.shift(1, 0, 500)
    expect(difference(await probe(context, 1), before)).toBeLessThan(2e-3)
    await context.free()
  }
})

it('more cells than a step has tokens are shifted in several graphs, to the bit the same', async () => {
  const results: NativeToken[][] = []
  for (const batch of [16, 512]) {
    const context = await contextOf(model, { batch })
    await fill(context, 0, PROMPT)
    await context.copy(0, 1)
    await fill(context, 1, PATHS[0]!)
    await context.shift(1, PROMPT.length, 11)
    results.push(await probe(context, 1))
    await context.free()
  }
  expect(difference(results[0]!, results[1]!)).toBeLessThan(1e-4)
})

describe.each(['f32', 'f16', 'q8_0', 'q4_0'] as const)('a join with %s cells', (kvType) => {
  const options = { kvType, flashAttention: kvType.startsWith('q') ? 'on' : 'off' } as const
  // Quantised cells lose precision when they are rotated.
  const bound = { f32: 1e-4, f16: 2e-2, q8_0: 0.3, q4_0: 2 }[kvType]

  it('of copies is as long as its parts and leaves their sequences bit-identical', async () => {
    const context = await paths(options)
    const before = await probes(context, [0, 1, 2, 3])
    const out = await run(context, [join(consecutive('copy'))])
    expect(out.ended.get(5)!.reason).toBe('budget')
    expect(await context.lastPosition(5)).toBe(LENGTH + PROBE.length - 1)
    // Without the join, so that the probe's own cells are where they were before.
    await context.remove(5)
    expect(await probes(context, [0, 1, 2, 3])).toEqual(before)
    await run(context, [join(consecutive('copy'))])
    // The paths' cells in the join are its own; the prompt's are shared.
    const joined = await probe(context, 5)
    for (const seq of [0, 1, 2, 3]) await context.remove(seq)
    // The probe's own cells are now elsewhere, so sums over cells are made in another order.
    expect(difference(await probe(context, 5), joined)).toBeLessThan(1e-3)
    await context.free()
  })

  if (kvType === 'f32' || kvType === 'f16')
    it('of moved cells reads what one of copies reads, and the paths go back', async () => {
      const context = await paths(options)
      const before = await probes(context, [0, 1, 2, 3])
      const copied = (await run(context, [join(consecutive('copy'))])).tokens.get(5)!
      await context.remove(5)
      const moved = (await run(context, [join(consecutive('move'))])).tokens.get(5)!
      expect(difference(moved.slice(1), copied.slice(1))).toBeLessThan(bound)
      expect(await context.lastPosition(5)).toBe(LENGTH + PROBE.length - 1)
      await context.remove(5)
      let offset = PROMPT.length - 2
      for (const [i, path] of PATHS.entries()) {
        offset += SEPARATORS[i]!.length
        expect(await context.lastPosition(i + 1)).toBe(offset + path.length - 1)
        await context.shift(i + 1, offset, PROMPT.length - offset)
        offset += path.length
      }
      const after = await probes(context, [0, 1, 2, 3])
      for (const seq of [0, 1, 2, 3])
        expect(difference(after[seq]!, before[seq]!)).toBeLessThan(seq === 0 ? 1e-9 : bound)
      await context.free()
    })

  it('a copy at the same positions reads the same, tail included', async () => {
    const context = await paths(options)
    const next = ids(await run(context, [stream({ id: 1, seq: 1, budget: 3 })]), 1)
    expect(next).toHaveLength(3)
    await context.remove(1, PROMPT.length + PATHS[0]!.length)
    const before = await probe(context, 1)
    await context.free()

    const other = await paths(options)
    await other.copy(0, 7)
    await other.copyMoved(1, 7, PROMPT.length, 0)
    await other.remove(1)
    expect(ids(await run(other, [stream({ id: 7, seq: 7, budget: 3 })]), 7)).toEqual(next)
    await other.remove(7, PROMPT.length + PATHS[0]!.length)
    // The cells are elsewhere in the cache, and sums over them are made in another order.
    expect(difference(await probe(other, 7), before)).toBeLessThan(1e-4)
    await other.free()
  })
})

it('a copy into a part of a path, and one back to its own offset', async () => {
  const context = await paths()
  const before = await probe(context, 1)
  await context.shift(1, PROMPT.length, 50)
  await context.copy(1, 4) // somebody else holds the cells, so they cannot be moved back
  expect(await rejected(context.shift(1, PROMPT.length + 50, -50))).toBe('internal')
  await context.copy(0, 6)
  await context.copyMoved(1, 6, PROMPT.length + 50, -50)
  expect(await context.lastPosition(6)).toBe(PROMPT.length + PATHS[0]!.length - 1)
  expect(difference(await probe(context, 6), before)).toBeLessThan(1e-4)
  await context.free()
})

describe('what is refused', () => {
  const ended = async (context: NativeContext, ...args: Parameters<typeof join>) =>
    (await run(context, [join(...args)])).ended.get(5)!

  it('cells that another sequence holds', async () => {
    const context = await paths()
    await context.copy(1, 4, PROMPT.length + 10) // a branch
    expect(await rejected(context.shift(1, PROMPT.length, 5))).toBe('internal')
    expect(await rejected(context.shift(1, PROMPT.length + 9, 5))).toBe('internal')
    const end = await ended(context, consecutive('move'))
    expect(end).toMatchObject({ reason: 'failed', error: { code: 'internal' } })
    // Nothing has moved, neither of that path nor of the others.
    for (const [i, path] of PATHS.entries())
      expect(await context.lastPosition(i + 1)).toBe(PROMPT.length + path.length - 1)
    expect(await context.lastPosition(5)).toBe(-1)
    await context.shift(1, PROMPT.length + 10, 5)
    await context.free()
  })

  it('a sequence that decodes', async () => {
    const context = await paths()
    const { handle, decoded } = start(context, [
      stream({ id: 1, seq: 1, budget: 400, thought: -1 }),
    ])
    handle.add(join(consecutive('move')))
    handle.add(join(consecutive('copy'), { id: 6, seq: 6 }))
    await handle.done
    expect(decoded.ended.get(5)).toMatchObject({ error: { code: 'internal' } })
    expect(decoded.ended.get(6)!.reason).toBe('budget')
    expect(decoded.ended.get(1)!.reason).toBe('budget')
    await context.free()
  })

  it('quantised keys, positions below zero, positions that are taken, copies that leave a gap', async () => {
    const quantised = await paths({ kvType: 'q8_0', flashAttention: 'on' })
    expect(await rejected(quantised.shift(1, PROMPT.length, 5))).toBe('internal')
    expect((await ended(quantised, consecutive('move'))).error!.code).toBe('internal')
    await quantised.free()
    const context = await paths()
    await context.copy(0, 4, 10)
    await fill(context, 4, tokens(3))
    expect(await rejected(context.shift(4, 10, -11))).toBe('internal')
    expect(await rejected(context.shift(4, 10, -1))).toBe('internal')
    expect(await rejected(context.copyMoved(1, 4, PROMPT.length, 1))).toBe('internal')
    expect(await rejected(context.copyMoved(1, 1, 0, 0))).toBe('internal')
    const twice = [
      { from: 1, end: 30, place: 'move' as const },
      { from: 1, start: 30, place: 'move' as const },
    ]
    for (const [parts, code] of [
      [twice, 'bad-request'],
      [[{ from: 1, start: 5, end: 4 }], 'out-of-range'],
      [[{ from: 1, start: -1 }], 'out-of-range'],
      [[{ from: 1, place: 'there' as never }], 'bad-request'],
    ] as const)
      expect(await rejected(run(context, [join([...parts])]))).toBe(code)
    await context.free()
  })

  it('copies that do not fit; cells that moved for the same stream are back', async () => {
    const context = await paths({ cells: 256 })
    const before = await probe(context, 2)
    const end = await ended(context, [
      { from: 0 },
      words(0),
      { from: 2, start: PROMPT.length, place: 'move' },
      { from: 1, place: 'copy' },
    ])
    expect(end).toMatchObject({ reason: 'failed', error: { code: 'out-of-cells' } })
    const late = await ended(context, [
      { from: 0 },
      words(0),
      { from: 2, start: PROMPT.length, place: 'move' },
      { tokens: tokens(120), thought: -1 },
    ])
    expect(late).toMatchObject({ reason: 'failed', error: { code: 'out-of-cells' } })
    expect(await context.lastPosition(5)).toBe(-1)
    expect(await context.lastPosition(2)).toBe(PROMPT.length + PATHS[1]!.length - 1)
    expect(difference(await probe(context, 2), before)).toBeLessThan(1e-4)
    // All cells but those of the prompt and the paths are free.
    await fill(context, 6, tokens(256 - 165))
    await context.free()
  })
})

it('uses no more memory than the plan says', async () => {
  const context = await paths({ batch: 64 })
  const before = context.info
  expect(before).toMatchObject({ canShift: true, lost: false })
  await context.shift(1, PROMPT.length, 5)
  await run(context, [join(consecutive('copy'))])
  expect(context.info).toEqual(before)
  await context.free()
})

describe('which models', () => {
  it('layers without RoPE, of which llama.cpp does not know, are found by a test of the context', async () => {
    // Every fourth layer of SmolLM3 has no RoPE.
    for (const [layers, canShift] of [
      [3, true],
      [4, false],
    ] as const)
      for (const kvType of ['f32', 'f16', 'q8_0', 'q4_0'] as const) {
        const smol = await openTiny({
          shape: 'llama',
          architecture: 'smollm3',
          thoughts: 0,
          layers,
        })
        const context = await contextOf(smol, { kvType, flashAttention: 'on' })
        expect(context.info.canShift, `${layers} layers, ${kvType}`).toBe(canShift)
        // The test leaves nothing behind.
        for (let seq = 0; seq < 12; seq++) expect(await context.lastPosition(seq)).toBe(-1)
        await context.prefill({ seq: 0, tokens: Array(1024).fill(5), thought: -1 })
        if (!canShift) expect(await rejected(context.shift(0, 0, 5))).toBe('cannot-join')
        await context.free()
        await smol.close()
      }
  })

  it.each([
    ['qwen2', {}, undefined],
    ['qwen2vl', { 'qwen2vl.rope.dimension_sections': array('i32', [8, 4, 4, 0]) }, 'm-rope'],
    ['qwen2', { 'qwen2.attention.indexer.head_count': u32(2) }, 'indexer'],
  ] as const)('%s with %o', async (architecture, keys, cannotJoin) => {
    const other = await openTiny({ architecture, thoughts: 0, keys })
    expect(other.info.cannotJoin).toBe(cannotJoin)
    const context = await contextOf(other)
    expect(context.info.canShift).toBe(cannotJoin !== 'm-rope')
    await fill(context, 0, PROMPT)
    expect(await rejected(context.copy(0, 1, 5))).toBe(cannotJoin ? 'cannot-join' : 'resolved')
    await context.free()
    await other.close()
  })
})
