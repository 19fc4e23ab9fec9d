import { describe, expect, it } from 'vitest'
import { MARKS, read, TEMPLATE, tokenize } from '../../engine/remote/chat.ts'
import { bytesOfText, isText, textIds, textOfIds } from '../../engine/remote/text-ids.ts'
import { promptTokenizer } from '../../engine/prompt/index.ts'
import { renderTemplate } from '../../engine/prompt/template.ts'
import { Random } from '../support/random.ts'

const vocabulary = {
  info: { metadata: {}, vocabSize: 0 },
  tokenize: (text: string, { special }: { special: boolean }) =>
    Int32Array.from(tokenize(text, special)),
  tokenBytes: (id: number) => (isText(id) ? bytesOfText(id) : new Uint8Array()),
  specialTokens: () => MARKS,
} as unknown as Parameters<typeof promptTokenizer>[0]

describe('ids that stand for texts', () => {
  it('hold every text, and no character is split over two of them', () => {
    const random = new Random(7)
    const alphabet = [
      'a',
      ' ',
      '\n',
      '\0',
      'é',
      '数',
      '😀',
      '\u{10ffff}',
      '\ufdd0',
      '\u{f0002}',
      '\u{f0000}',
    ]
    for (let i = 0; i < 500; i++) {
      const text = Array.from({ length: random.int(40) }, () =>
        alphabet.at(random.int(alphabet.length)),
      ).join('')
      const ids = textIds(text)
      expect(textOfIds(ids)).toBe(text)
      expect(ids.map((id) => textOfIds([id])).join('')).toBe(text)
      expect(ids.every((id) => isText(id) && id < 2 ** 31)).toBe(true)
    }
    expect(textOfIds(textIds('a\ud800b'))).toBe('a\ufffdb')
  })
})

describe('a chat as ids', () => {
  const prompt = async (values: Record<string, unknown>, contents: string[]) => {
    const { guard, encode } = promptTokenizer(vocabulary)
    const fence = '\ufdd1'
    const messages = contents.map((content, i) => ({
      role: (['system', 'user', 'assistant'] as const)[i % 3]!,
      content: guard(content, fence),
    }))
    const values_ = { messages, bos_token: '', eos_token: '', ...values }
    const text = await renderTemplate(TEMPLATE, values_, new AbortController().signal)
    return encode(text, fence)
  }

  it('comes back as the messages that it was made of, whatever they say', async () => {
    const marks = MARKS.map(({ text }) => text).join('')
    const contents = ['Be short.', `a${marks}b`, '', `${marks}`, 'a  b\n', '😀'.repeat(9)]
    const ids = await prompt({}, contents)
    const { messages, variables, answer } = read([...ids, 5, ...textIds('more')])
    expect(messages.map(({ content }) => content)).toEqual(contents)
    expect(messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'system',
      'user',
      'assistant',
    ])
    expect(variables).toEqual({})
    expect(answer).toEqual([5, ...textIds('more')])
  })

  it('keeps the variables of the template', async () => {
    const ids = await prompt({ enable_thinking: false, reasoning_effort: 'low' }, ['x', 'y'])
    expect(read(ids)).toMatchObject({
      variables: { enable_thinking: false, reasoning_effort: 'low' },
      messages: [
        { role: 'system', content: 'x' },
        { role: 'user', content: 'y' },
      ],
    })
  })

  it('is one message if it has no marks', () => {
    expect(read(textIds('only text'))).toEqual({
      messages: [{ role: 'user', content: 'only text' }],
      variables: {},
      answer: [],
    })
  })
})
