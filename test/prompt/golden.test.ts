import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { buildPrompt } from '../../engine/prompt/index.ts'
import { openVocabulary, type VocabularyFile } from '../support/vocabulary.ts'

/**
 * Prompts of 12 models as Hugging Face transformers renders their chat templates and tokenizes the
 * result (golden/make.py).
 */
interface Golden {
  date: string
  tokenizers: Record<'bpe' | 'spm', { tokens: string[]; merges?: string[]; scores?: number[] }>
  models: Record<
    string,
    Pick<VocabularyFile, 'kind' | 'control' | 'defined'> & {
      bos: boolean
      cases: Record<string, Case>
    }
  >
}
interface Case {
  chat: {
    system?: string
    turns?: [problem: string, answer: string][]
    problem: string
    variables?: { enable_thinking?: boolean; reasoning_effort?: string }
  }
  text: string
  ids: string
}

const read = (name: string) => readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8')
const golden = JSON.parse(read('golden.json')) as Golden

describe.each(Object.entries(golden.models))('the prompts of %s', (name, model) => {
  const { kind, control, defined, bos } = model
  const template = read(`templates/${name}.jinja`).replace(
    'strftime_now("%Y-%m-%d")',
    `"${golden.date}"`,
  )
  const opened = openVocabulary({
    kind,
    control,
    defined,
    ...golden.tokenizers[kind === 'bpe' ? 'bpe' : 'spm'],
    addBos: bos,
    template,
  })

  it.each(Object.entries(model.cases))('%s', async (_, { chat, text, ids }) => {
    const model = await opened
    const { system, turns = [], problem, variables } = chat
    const prompt = await buildPrompt(
      model,
      {
        problem,
        ...(system !== undefined && { system }),
        conversation: turns.map(([problem, answer]) => ({ problem, answer })),
        variables,
      },
      new AbortController().signal,
    )
    expect(prompt.fallback).toBeUndefined()
    const begins = bos && !text.startsWith(control[0]!)
    const expected = [...(begins ? [model.native.info.bos] : []), ...ids.split(' ').map(Number)]
    const textOf = (list: readonly number[]) =>
      Buffer.concat(list.map((id) => model.native.tokenBytes(id))).toString('utf8')
    expect(textOf(prompt.ids)).toBe(textOf(expected))
    expect(prompt.ids).toEqual(expected)
  })
})
