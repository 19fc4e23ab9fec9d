/** Joins that read paths one behind the other, from their cells: the summary's logprobs against the float64 reference, CPU. */
import { describe, expect, it } from 'vitest'
import { f32, str, u32 } from '../support/gguf-writer.ts'
import { reference } from '../support/reference.ts'
import { tinyModel, type TinyOptions } from '../support/tiny-models.ts'
import { fill, joined, parity, summarise, type Consecutive } from './consecutive.ts'
import {
  decode,
  difference,
  EXACT,
  HALF,
  makeContext,
  open,
  stream,
  summarySeq,
} from './harness.ts'

const LONGROPE = { original: 1024, magnitude: 1.5 }
const RAMP = Array.from({ length: 16 }, (_, i) => i)
const FACTORS = {
  long: RAMP.map((i) => 1 + i / 2),
  short: RAMP.map((i) => 1 + i / 16),
}
const longrope: TinyOptions = {
  shape: 'llama',
  thoughts: 0,
  pairs: 0,
  ropeFactors: FACTORS,
  keys: {
    'llama.rope.scaling.type': str('longrope'),
    'llama.rope.scaling.attn_factor': f32(LONGROPE.magnitude),
    'llama.rope.scaling.original_context_length': u32(LONGROPE.original),
  },
}

describe.each(['move', 'copy'] as const)('cells that a join would %s', (how) => {
  const place = () => how

  it.each<[string, TinyOptions]>([
    ['qwen2', { shape: 'qwen2', thoughts: 0, pairs: 0 }],
    ['llama', { shape: 'llama', thoughts: 0, pairs: 0 }],
    ['qwen2 with thought tables', { shape: 'qwen2' }],
    ['llama, tied, one KV head', { shape: 'llama', tied: true, heads: 6, kvHeads: 1, headDim: 64 }],
  ])('%s, F32 cache, no flash attention', async (_, options) => {
    const model = tinyModel(options)
    const input = joined(model)
    expect(await parity(model, input, place)).toBeLessThan(EXACT)
  })

  it('the defaults: F16 cache, flash attention as llama.cpp chooses', async () => {
    const model = tinyModel({ shape: 'qwen2', thoughts: 0 })
    const options = { kvType: 'f16', flashAttention: 'auto' } as const
    expect(await parity(model, joined(model), place, options)).toBeLessThan(HALF)
  })

  it.each(['qwen2', 'llama'] as const)('%s under YaRN, factor 4', async (shape) => {
    const model = tinyModel({ shape })
    const input = { ...joined(model), yarn: { factor: 4, originalContext: 64 } }
    expect(await parity(model, input, place)).toBeLessThan(EXACT)
    // YaRN's magnitude makes scores, and what F16 rounds off them, 1.3 times as large.
    const half = { kvType: 'f16', flashAttention: 'auto' } as const
    expect(await parity(model, input, place, half)).toBeLessThan(2 * HALF)
  })

  it.each([
    ['within', 1024, FACTORS.short],
    ['beyond', 2048, FACTORS.long],
  ] as const)('longrope, %s the original context', async (_, cells, factors) => {
    const model = tinyModel(longrope)
    const { magnitude } = LONGROPE
    const input = { ...joined(model), longrope: { factors, magnitude } }
    expect(await parity(model, input, place, { cells })).toBeLessThan(EXACT)
  })

  it('shifts in graphs of a few cells', async () => {
    const model = tinyModel({ shape: 'qwen2' })
    expect(await parity(model, joined(model), place, { sequences: 46, batch: 8 })).toBeLessThan(
      EXACT,
    )
  })
})

it('some cells move, others are copied: a branch and its parent', async () => {
  const model = tinyModel({ shape: 'qwen2', thoughts: 0 })
  const input = joined(model)
  const branched: Consecutive = {
    ...input,
    paths: [
      ...input.paths,
      { thought: 0, tokens: input.paths[1]!.tokens, parent: { path: 0, at: 20 } },
    ],
    summaryPaths: [3, 0, 5, 1],
    consecutive: {
      ...input.consecutive,
      separators: input.consecutive.separators.slice(0, 4),
    },
  }
  const shared = new Set([0, 5])
  const place = (path: number) => (shared.has(path) ? 'copy' : 'move')
  expect(await parity(model, branched, place)).toBeLessThan(EXACT)
})

it.each([
  ['q8_0', 0.1],
  ['q4_0', 1],
] as const)('%s cells are copied, within %d', async (kvType, bound) => {
  const model = tinyModel({ shape: 'qwen2', thoughts: 0, headDim: 64 })
  const options = { kvType, flashAttention: 'on' } as const
  expect(await parity(model, joined(model), () => 'copy', options)).toBeLessThan(bound)
})

it('the reference tells where cells stand: elsewhere, the summary is far from it', async () => {
  const model = tinyModel({ shape: 'qwen2', thoughts: 0 })
  const input = joined(model)
  const { summary } = reference(model, input)
  const native = (tokens: typeof summary) => tokens.map(({ id, logprob }) => ({ id, logprob }))
  const others = [
    { ...input, consecutive: { ...input.consecutive, keep: input.consecutive.keep - 1 } },
    { ...input, summaryPaths: [1, 0, 2, 3, 4] },
    { ...input, yarn: { factor: 4, originalContext: 64 } },
  ]
  for (const other of others)
    expect(difference(native(reference(model, other).summary), summary)).toBeGreaterThan(0.02)
})

it('with one layer, whose keys depend on token and position alone, a join is a fresh prefill', async () => {
  const model = tinyModel({ shape: 'qwen2', thoughts: 0, layers: 1 })
  const input = joined(model)
  for (const yarn of [undefined, { factor: 4, originalContext: 64 }])
    for (const kvType of ['f32', 'f16'] as const) {
      const native = await open(model)
      const context = await makeContext(native, { kvType, ...(yarn && { yarn }) })
      await fill(context, input)
      const summary = await summarise(context, input, (path) => (path % 2 ? 'move' : 'copy'))
      const { keep, separators } = input.consecutive
      await context.prefill({
        seq: summarySeq(1),
        tokens: [
          ...input.prompt.slice(0, keep),
          ...input.paths.flatMap(({ tokens }, i) => [...separators[i]!, ...tokens]),
        ],
        thought: -1,
      })
      const fresh = await decode(context, [
        stream({
          id: 1,
          seq: summarySeq(1),
          forced: input.summary,
          budget: input.summary.length,
        }),
      ])
      const apart = summary
        .slice(1)
        .map(({ logprob }, i) => Math.abs(logprob! - fresh.tokens.get(1)![i + 1]!.logprob!))
      expect(Math.max(...apart)).toBeLessThan(kvType === 'f32' ? EXACT : HALF)
      await context.free()
      await native.close()
    }
})
