/** Answers that several paths write together, against the float64 reference. F32 cache, no flash attention, CPU. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import type { Source } from '../../engine/protocol/segments.ts'
import { idsOf } from '../../engine/protocol/tokens.ts'
import { Engine } from '../../engine/run/index.ts'
import { meanOf, reference } from '../support/reference.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { Watched } from '../run/support.ts'

/** Bound of an absolute difference of log-probabilities. */
const MERGED = 1e-5

const folder = mkdtempSync(join(tmpdir(), 'braid-parity-merge-'))
const engine = new Engine({ addon: loadAddon(), version: 'test' })
afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true })
})

const CASES = [
  { name: 'a model without training', options: { shape: 'llama', seed: 5, pairs: 0, thoughts: 0 } },
  { name: 'a trained model', options: { shape: 'qwen2', seed: 21 } },
] as const

describe.each(CASES)('$name', ({ options }) => {
  const model = tinyModel(options)
  const file = writeTiny(model, folder)

  it('each token has the log-probability of the mean, and of each member', async () => {
    const run = new Watched(
      engine.think({
        problem: 'the answer and the reason',
        model: file,
        settings: {
          strategy: 'merge',
          paths: 3,
          budget: 25,
          summaryBudget: 20,
          finish: 'last',
          question: 'text',
          seed: 11,
          engine: { device: 'cpu', threads: 1, kvType: 'f32', flashAttention: 'off' },
        },
      }),
    )
    await run.end()
    const { promptTokens, paths } = run.state
    const { source, tokens } = run.segment('s1')
    const { of, ends } = source as Extract<Source, { type: 'merge' }>
    expect(of).toEqual(['p1', 'p2', 'p3'])
    const answer = idsOf(tokens.slice())
    const lines = ends!.map((end, i) => {
      const path = paths[i]!
      const read = { thought: path.thought, tokens: idsOf(path.tokens.slice(0, end.to)) }
      const input = { prompt: promptTokens, paths: [read], summary: [...end.tokens, ...answer] }
      const scored = reference(model, input)
      // The distribution before each token of the answer.
      const behind = [...scored.paths[0]!.slice(-1), ...scored.summary]
      return answer.map((_, k) => behind[end.tokens.length + k]!.next)
    })
    let checked = 0
    for (const [k, token] of tokens.slice().entries()) {
      if (token.forced === true) continue
      const next = lines.map((line) => line[k]!)
      const mean = meanOf(next)
      expect(Math.abs(token.logprob! - mean[token.id!]!)).toBeLessThan(MERGED)
      expect(token.members!.map(({ segment }) => segment)).toEqual(of)
      for (const [i, { logprob }] of token.members!.entries())
        expect(Math.abs(logprob - next[i]![token.id!]!)).toBeLessThan(MERGED)
      checked++
    }
    expect(checked).toBeGreaterThan(5)
    await run.close()
  })
})
