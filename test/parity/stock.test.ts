/** Greedy decoding of `sequential` against stock llama.cpp: the unpatched libllama of the same npm package, token for token. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import { errorText } from '../../engine/protocol/events.ts'
import { Engine } from '../../engine/run/index.ts'
import { ensureStockGreedy } from '../../scripts/native/index.ts'
import { smolLM2 } from '../support/models.ts'

vi.setConfig({ testTimeout: 300_000 })

const COUNT = 200
const engine = new Engine({ addon: loadAddon({ gpu: false }), version: 'test' })
afterAll(() => engine.close())

describe.skipIf(process.platform === 'win32')(
  `greedy sequential on SmolLM2-135M-Instruct${process.platform === 'win32' ? ': skipped, the stock decoder is built on Linux and macOS only' : ''}`,
  () => {
    it.each(['on', 'off'] as const)(
      `equals stock llama.cpp over ${COUNT} tokens, flash attention %s`,
      async (flashAttention) => {
        const model = await smolLM2()
        const program = await ensureStockGreedy()
        const prompt: number[] = [],
          ours: number[] = []
        const run = engine.think({
          model,
          problem: 'Explain in detail, with many examples, how plants make sugar from light.',
          settings: {
            strategy: 'sequential',
            budget: COUNT,
            sampling: { temperature: 0 },
            engine: { device: 'cpu', threads: 1, flashAttention },
          },
        })
        for await (const event of run.events) {
          if (event.type === 'run-failed') throw new Error(errorText(event.error))
          if (event.type === 'run-started') prompt.push(...event.promptTokens!)
          if (event.type === 'tokens' && event.segment === 'p1')
            ours.push(...event.tokens.map((token) => token.id!))
          if (event.type === 'run-ended') break
        }
        const { stdout } = await promisify(execFile)(program, [
          model,
          String(COUNT),
          '1',
          flashAttention === 'on' ? '1' : '0',
          ...prompt.map(String),
        ])
        const stock = stdout.trim().split(/\s+/).map(Number)
        expect(stock).toHaveLength(COUNT)
        expect(ours).toEqual(stock)
      },
    )
  },
)
