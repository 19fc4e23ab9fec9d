/** On a quantised model, logprobs depend a little on what else is in the batch and in the cache. CPU. */
import { expect, it } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import { contextOf, greedy, start, stream } from '../native/support.ts'
import { smolLM2 } from '../support/models.ts'

const TEXT =
  'The number of apples is found by adding those of the first basket to those of the second one. There are twelve in the first and fifteen in the second, so there are twenty-seven apples in all, and half of them are green.'
/** The greatest difference of a logprob, in nats, between a path alone and the same path beside 7 others. */
const BOUND = 0.5

it(`given tokens have the same logprobs alone and beside 7 runs, within ${BOUND}`, async () => {
  const path = await smolLM2()
  const model = await loadAddon().openModel({ path, device: 'cpu', gpuLayers: 0 }).done
  const given = [...model.tokenize(TEXT, { special: false, bos: true })]
  const prompt = given.splice(0, 8)
  const measure = async (others: number): Promise<number[]> => {
    const context = await contextOf(model, { cells: 4096, kvType: 'f16', flashAttention: 'auto' })
    const decodes = []
    for (let seq = 1; seq <= others; seq++) {
      const text = `Story ${seq}: once upon a time there were ${seq + 2} `
      const tokens = model.tokenize(text, { special: false, bos: true })
      await context.prefill({ seq, tokens, thought: -1 })
      const sampler = { ...greedy, temperature: 1, seed: seq }
      const one = start(context, [stream({ id: 1, seq, budget: 400, thought: -1, sampler })])
      decodes.push(one)
    }
    // With 512 cells or more, flash attention on a CPU computes a single token in another way.
    while (decodes.some(({ decoded }) => (decoded.tokens.get(1)?.length ?? 0) < 90))
      await new Promise((resolve) => setTimeout(resolve, 10))
    await context.prefill({ seq: 0, tokens: prompt, thought: -1 })
    const own = start(context, [
      stream({ id: 0, forced: given, budget: given.length, thought: -1 }),
    ])
    await own.handle.done
    // The others decoded all the while.
    for (const { decoded } of decodes) expect(decoded.ended.size).toBe(0)
    for (const { handle } of decodes) handle.cancel()
    for (const { handle } of decodes) await handle.done
    await context.free()
    return own.decoded.tokens.get(0)!.map(({ logprob }) => logprob!)
  }
  const alone = await measure(0)
  const beside = await measure(7)
  expect(alone).toHaveLength(given.length)
  const differences = alone.map((logprob, i) => Math.abs(logprob - beside[i]!))
  console.log(`greatest difference: ${Math.max(...differences).toPrecision(2)}`)
  expect(Math.max(...differences)).toBeLessThan(BOUND)
  await model.close()
}, 120_000)
