import { beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import type { NativeModel } from '../../engine/native/types.ts'
import { partsOf } from '../../engine/protocol/segments.ts'
import { newEngine, solve, tinyFile, type Watched } from './support.ts'

/** Runs of models whose chat template acts on the conversation and on variables. */
const TEMPLATE =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] | trim }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
const { file } = tinyFile({
  seed: 3,
  pairs: 0,
  thoughts: 0,
  control: ['<|im_start|>', '<|im_end|>', '<think>', '</think>'],
  chatTemplate: TEMPLATE,
})
const NO_THOUGHT = '<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n'
const asked = { paths: 2, budget: 12, summaryBudget: 8, finish: 'last' } as const

describe('the variables of a chat template', () => {
  const engine = newEngine()
  let native: NativeModel
  beforeAll(async () => {
    native = await loadAddon({ gpu: false }).openModel({ path: file, device: 'cpu', gpuLayers: 0 })
      .done
    return () => native.close()
  })
  const text = (ids: readonly number[]) =>
    Buffer.concat(ids.map((id) => native.tokenBytes(id))).toString('utf8')
  const lastWords = (run: Watched) => {
    const parts = partsOf(run.segment('s1').source)
    return text((parts.at(-1) as { tokens: number[] }).tokens)
  }

  it.each(['cache', 'reread'] as const)('reach the prompt and the summary (%s)', async (fusion) => {
    const settings = { ...asked, controls: { fusion } }
    const off = await solve(engine, file, 'one', {
      ...settings,
      templateVariables: { enable_thinking: false },
    })
    expect(off.state.settings!.templateVariables).toEqual({ enable_thinking: false })
    expect(text(off.state.promptTokens)).toBe(`<|im_start|>user\none${NO_THOUGHT}`)
    expect(lastWords(off).endsWith(NO_THOUGHT)).toBe(true)
    expect(off.state.notices.map(({ code }) => code)).not.toContain('template-variable')
    const usual = await solve(engine, file, 'one', settings)
    expect(text(usual.state.promptTokens)).toBe(
      '<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n',
    )
    expect(usual.state.settings).not.toHaveProperty('templateVariables')
  })

  it('that the template does not read are told', async () => {
    const run = await solve(engine, file, 'one', {
      ...asked,
      templateVariables: { enable_thinking: true, reasoning_effort: 'low' },
    })
    expect(run.state.notices.filter(({ code }) => code === 'template-variable')).toMatchObject([
      { params: { name: 'reasoning_effort' } },
    ])
  })

  it.each(['cache', 'reread'] as const)(
    'a follow-up and its summary (%s) do not read earlier thoughts',
    async (fusion) => {
      const answer = '<think>\nsecret\n</think>\n\nthe answer'
      const run = await solve(
        engine,
        file,
        ' two ',
        { ...asked, controls: { fusion } },
        { conversation: [{ problem: 'one', answer }] },
      )
      const before =
        '<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\nthe answer<|im_end|>\n<|im_start|>user\ntwo'
      expect(text(run.state.promptTokens)).toBe(`${before}<|im_end|>\n<|im_start|>assistant\n`)
      const [first] = partsOf(run.segment('s1').source).filter((part) => 'tokens' in part)
      const kept = fusion === 'reread' ? '' : before
      expect(kept + text((first as { tokens: number[] }).tokens)).toContain(
        `${before}\n\nHere are 2`,
      )
    },
  )
})
