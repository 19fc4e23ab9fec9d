/** Given tokens: prompt, path and summary logprobs against the float64 reference, both shapes, CPU. */
import { describe, expect, it } from 'vitest'
import { reference } from '../support/reference.ts'
import { tinyModel, type TinyOptions } from '../support/tiny-models.ts'
import { differences, EXACT, HALF, makeContext, open, scenario, score, worst } from './harness.ts'

const EIGHT = [40, 3, 25, 1, 60, 12, 33, 7]

describe.each(['qwen2', 'llama'] as const)('%s', (shape) => {
  const model = tinyModel({ shape })
  const input = scenario(model, EIGHT)

  it('8 paths of unequal length, F32 cache, no flash attention', async () => {
    const native = await open(model)
    const context = await makeContext(native)
    expect(worst(differences(await score(context, input), input, model))).toBeLessThan(EXACT)
    await context.free()
    await native.close()
  })

  it('the defaults: F16 cache, flash attention as llama.cpp chooses', async () => {
    const native = await open(model)
    const context = await makeContext(native, { kvType: 'f16', flashAttention: 'auto' })
    expect(context.info.flashAttention).toBe(true)
    expect(worst(differences(await score(context, input), input, model))).toBeLessThan(HALF)
    await context.free()
    await native.close()
  })

  it('a prompt and paths that take several prefill steps', async () => {
    const native = await open(model)
    const context = await makeContext(native, { batch: 32 })
    expect(worst(differences(await score(context, input), input, model))).toBeLessThan(EXACT)
    await context.free()
    await native.close()
  })

  it('without the thought embedding: parity with the reference without it, and far from the one with it', async () => {
    const native = await open(model)
    const context = await makeContext(native)
    const scored = await score(context, { ...input, thoughtEmbedding: false })
    expect(worst(differences(scored, { ...input, thoughtEmbedding: false }, model))).toBeLessThan(
      EXACT,
    )
    const broken = differences(scored, input, model)
    for (const d of [broken.prompt, ...broken.paths, broken.summary]) expect(d).toBeGreaterThan(0.1)
    await context.free()
    await native.close()
  })

  it('another row of the tables than the path has breaks parity', async () => {
    const native = await open(model)
    const context = await makeContext(native)
    const swapped = {
      ...input,
      paths: input.paths.map((path, i) => ({ ...path, thought: ((i + 1) % 8) + 1 })),
    }
    const broken = differences(await score(context, swapped), input, model)
    expect(broken.prompt).toBeLessThan(EXACT)
    for (const d of [...broken.paths, broken.summary]) expect(d).toBeGreaterThan(0.05)
    await context.free()
    await native.close()
  })

  it('a branch shares its parent’s cells, which count once in the join and keep the parent’s thought', async () => {
    const branched = {
      ...input,
      paths: [
        ...input.paths,
        { thought: 8, tokens: input.paths[5]!.tokens.slice(0, 9), parent: { path: 4, at: 31 } },
      ],
    }
    const native = await open(model)
    const context = await makeContext(native)
    expect(worst(differences(await score(context, branched), branched, model))).toBeLessThan(EXACT)
    await context.free()
    await native.close()
  })

  it('a summary over a subset', async () => {
    const subset = { ...input, summaryPaths: [1, 2, 6] }
    const native = await open(model)
    const context = await makeContext(native)
    expect(worst(differences(await score(context, subset), subset, model))).toBeLessThan(EXACT)
    await context.free()
    await native.close()
  })

  it('entropies and alternatives', async () => {
    const native = await open(model)
    const context = await makeContext(native)
    const scored = await score(context, input, 5)
    const expected = reference(model, input)
    const before = (part: { next: Float64Array }[], i: number, first?: Float64Array) =>
      i === 0 ? first : part[i - 1]!.next
    const check = (
      native: typeof scored.prompt,
      part: typeof expected.prompt,
      first?: Float64Array,
    ) =>
      native.forEach(({ entropy, alternatives }, i) => {
        const row = before(part, i, first)
        if (!row) {
          expect([entropy, alternatives ?? []]).toEqual([null, []])
          return
        }
        expect(entropy).toBeCloseTo(-row.reduce((sum, l) => sum + l * Math.exp(l), 0), 3)
        const top = [...row.entries()].sort((a, b) => b[1] - a[1]).slice(0, 5)
        expect(alternatives!.map(({ id }) => id)).toEqual(top.map(([id]) => id))
        alternatives!.forEach(({ logprob }, k) =>
          expect(Math.abs(logprob - top[k]![1])).toBeLessThan(EXACT),
        )
      })
    const tail = expected.prompt.at(-1)!.next
    check(scored.prompt, expected.prompt)
    scored.paths.forEach((path, i) => check(path, expected.paths[i]!, tail))
    check(scored.summary, expected.summary)
    await context.free()
    await native.close()
  })

  it('YaRN beyond the trained budget', async () => {
    const yarn = { factor: 2, originalContext: 64 }
    const native = await open(model)
    const context = await makeContext(native, { yarn })
    const scored = await score(context, input)
    expect(worst(differences(scored, { ...input, yarn }, model))).toBeLessThan(EXACT)
    expect(differences(scored, input, model).summary).toBeGreaterThan(0.05)
    await context.free()
    await native.close()
  })
})

it.each<TinyOptions>([
  { shape: 'qwen2', tied: true, heads: 6, kvHeads: 1, headDim: 64, seed: 3 },
  { shape: 'llama', tied: true, heads: 2, kvHeads: 2, headDim: 64, layers: 5, seed: 4 },
  { shape: 'llama', thoughts: 0, pairs: 0, seed: 5 },
  { shape: 'qwen2', thoughts: 32, ropeBase: 1_000_000, seed: 6 },
  { shape: 'qwen2', type: 'f16', seed: 7 },
])('other shapes: %o', async (options) => {
  const model = tinyModel(options)
  const input = scenario(model, [9, 30, 21, 2], 9)
  const native = await open(model)
  const context = await makeContext(native)
  // F16 matrices are multiplied with activations rounded to F16.
  expect(worst(differences(await score(context, input), input, model))).toBeLessThan(
    options.type === 'f16' ? HALF : EXACT,
  )
  await context.free()
  await native.close()
})
