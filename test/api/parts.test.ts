import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Answer } from '../../engine/api/answer.ts'
import { conversationOf } from '../../engine/api/ask.ts'
import { splitName } from '../../engine/api/names.ts'
import { Thoughts, type Voice } from '../../engine/api/thoughts.ts'
import { Turns } from '../../engine/api/turns.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'
import type { Segment } from '../../engine/protocol/run-state.ts'

describe('a name', () => {
  it.each([
    ['qwen2.5:7b', { name: 'qwen2.5:7b' }],
    ['qwen2.5:7b:parallel-4', { name: 'qwen2.5:7b', way: { strategy: 'parallel', paths: 4 } }],
    ['m:parallel-majority-3', { name: 'm', way: { strategy: 'parallel-majority', paths: 3 } }],
    ['m:fork-join', { name: 'm', way: { strategy: 'fork-join' } }],
    ['m:majority', { name: 'm', way: { strategy: 'majority' } }],
    ['m:Majority-3', { name: 'm:Majority-3' }],
    ['m:constructor', { name: 'm:constructor' }],
    ['parallel-4', { name: 'parallel-4' }],
    ['m:', { name: 'm:' }],
    ['', { name: '' }],
  ])('%s', (text, split) => expect(splitName(text)).toEqual(split))
})

describe('a conversation', () => {
  it('may begin with an answer, and leaves out what is empty', () => {
    expect(
      conversationOf([
        { role: 'assistant', content: 'Welcome' },
        { role: 'user', content: '' },
        { role: 'user', content: 'Hi' },
        { role: 'system', content: 'Late' },
      ]),
    ).toEqual({ system: 'Late', turns: [{ problem: '', answer: 'Welcome' }], problem: 'Hi' })
  })
})

describe('the merged stream', () => {
  const voice = (number: number, text: string, ended = false): Voice => ({
    segment: `p${number}`,
    title: `Path ${number}`,
    text,
    ended,
  })
  /** What each path has said, by the headings. */
  const parts = (text: string) => {
    const found: Record<string, string> = {}
    for (const [, name, part] of text.matchAll(/\*\*(Path \d)\*\*\n\n([^]*?)(?=\n\n\*\*Path|$)/g))
      found[name!] = (found[name!] ?? '') + part!
    return found
  }
  it('stays with a path to the end of a line, then goes to the one that has most to say', () => {
    const thoughts = new Thoughts()
    const line = 'x'.repeat(250)
    expect(thoughts.next([voice(1, 'a'), voice(2, '')])).toBe('**Path 1**\n\na')
    expect(thoughts.next([voice(1, 'a'), voice(2, 'b')])).toBe('')
    expect(thoughts.next([voice(1, `a${line}\nc`), voice(2, 'b')])).toBe(
      `${line}\n\n\n**Path 2**\n\nb`,
    )
    expect(thoughts.next([voice(1, `a${line}\ncd`, true), voice(2, 'b', true)])).toBe(
      '\n\n**Path 1**\n\ncd',
    )
  })
  it('has no heading where there is one path', () => {
    const thoughts = new Thoughts()
    const alone = (text: string) => [{ ...voice(1, text), title: null }]
    expect([thoughts.next(alone('a\n')), thoughts.next(alone('a\nb'))]).toEqual(['a\n', 'b'])
  })
  it('loses nothing and keeps the order of each path, however they grow', () => {
    const growth = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 2 }),
        fc.string({ unit: fc.constantFrom('x', '. ', '\n', '。'), maxLength: 400 }),
      ),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(growth, (steps) => {
        const thoughts = new Thoughts()
        const texts = ['', '', '']
        const voices = (ended: boolean) => texts.map((text, i) => voice(i + 1, text, ended))
        let out = ''
        for (const [path, text] of steps) {
          texts[path] += text
          out += thoughts.next(voices(false))
        }
        out += thoughts.next(voices(true), true)
        const said = parts(out)
        // Line breaks at the end of a part cannot be told from those before the next heading.
        for (const [i, text] of texts.entries())
          expect((said[`Path ${i + 1}`] ?? '').replaceAll('\n', '')).toBe(text.replaceAll('\n', ''))
      }),
    )
  })
})

describe('an answer', () => {
  const markers = { opens: ['<think>'], closes: ['</think>'], begins: false }
  const grown = (pieces: readonly string[], ended: boolean) =>
    ({
      segment: 'p1',
      text: pieces.join(''),
      tokens: TokenList.from(pieces.map((text) => ({ text, logprob: 0, entropy: null }))),
      status: ended ? 'done' : 'thinking',
    }) as unknown as Segment
  /** Reads a text that grows piece by piece. */
  const read = (
    pieces: readonly string[],
    options: { stops?: string[]; raw?: boolean; begins?: boolean } = {},
  ) => {
    const { stops = [], raw = false, begins = false } = options
    const answer = new Answer({ stops, raw })
    const found: string[] = []
    for (let i = 1; i <= pieces.length; i++)
      found.push(
        answer.next(grown(pieces.slice(0, i), i === pieces.length), { ...markers, begins }).content,
      )
    return { content: found.join(''), found, thought: answer.thought, tokens: answer.count }
  }
  it('follows the thought, whose markers may come in pieces', () => {
    const pieces = ['<', 'thi', 'nk>', ' a', ' b </thi', 'nk>', '\n\n', 'C', ' d', ' ']
    expect(read(pieces)).toMatchObject({ content: 'C d', thought: 'a b' })
    expect(read([' a </think> b'], { begins: true })).toMatchObject({ content: 'b', thought: 'a' })
    expect(read(['<think> a'])).toMatchObject({ content: '', thought: 'a' })
    expect(read(['<thin ice'])).toMatchObject({ content: '<thin ice', thought: '' })
  })
  it('ends before a stop text, of which nothing is sent', () => {
    const { content, found } = read(['a ', 'EN', 'X', ' EN', 'D b', ' c'], { stops: ['END'] })
    expect(content).toBe('a ENX')
    expect(found.join('|')).not.toContain('EN|X')
    expect(read(['ab', 'c'], { stops: ['c', 'bc'] }).content).toBe('a')
  })
  it('as it was written keeps its white space', () => {
    expect(read([' ', 'a', '\n'], { raw: true })).toMatchObject({ content: ' a\n', tokens: 3 })
    expect(read([' ', 'a', '\n'])).toMatchObject({ content: 'a', tokens: 1 })
  })
  it('is the same in whatever pieces it comes', () => {
    const text = '<think>so</think> The STO answer STOP not this'
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 60, maxLength: 60 }),
        (sizes) => {
          const pieces: string[] = []
          for (let at = 0, i = 0; at < text.length; at += sizes[i++]!)
            pieces.push(text.slice(at, at + sizes[i]!))
          expect(read(pieces, { stops: ['STOP'] })).toMatchObject({
            content: 'The STO answer',
            thought: 'so',
          })
        },
      ),
    )
  })
})

describe('turns', () => {
  const never = new AbortController().signal
  it('go round among those who wait', async () => {
    const turns = new Turns(1, 100)
    const served: string[] = []
    let begin = () => {}
    const first = turns.take('many', never, () => new Promise<void>((resolve) => (begin = resolve)))
    const rest = ['many', 'many', 'many', 'few', 'many', 'other', 'few'].map((who) =>
      turns.take(who, never, async () => void served.push(who)),
    )
    await new Promise((resolve) => setImmediate(resolve))
    begin()
    await Promise.all([first, ...rest])
    expect(served).toEqual(['few', 'other', 'many', 'few', 'many', 'many', 'many'])
  })
  it('that are left are given to the next', async () => {
    const turns = new Turns(1, 2)
    let end = () => {}
    const first = turns.take('a', never, () => new Promise<void>((resolve) => (end = resolve)))
    const leave = new AbortController()
    const second = turns.take('b', leave.signal, () => Promise.reject(new Error('not reached')))
    expect(() => turns.check(1)).not.toThrow()
    expect(() => turns.check(2)).toThrow(/busy/)
    leave.abort(new Error('left'))
    await expect(second).rejects.toThrow('left')
    expect(() => turns.check(2)).not.toThrow()
    end()
    await first
    expect(await turns.take('c', never, () => Promise.resolve(5))).toBe(5)
    await expect(turns.take('c', never, () => Promise.reject(new Error('failed')))).rejects.toThrow(
      'failed',
    )
    expect(await turns.take('c', never, () => Promise.resolve(6))).toBe(6)
  })
})
