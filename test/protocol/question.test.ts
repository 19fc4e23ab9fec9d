import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answeringSegment, decidingSummary, spokenText } from '../../engine/protocol/deciding.ts'
import { chooseByHand, decide } from '../../engine/protocol/decision.ts'
import type { Answer, EndReason, RunEvent, SegmentId } from '../../engine/protocol/events.ts'
import { foldRun, type RunState } from '../../engine/protocol/fold.ts'
import { instructionFor, languageOf } from '../../engine/protocol/instruction.ts'
import { codeIn, kindOf, kindToRecord, questionOf } from '../../engine/protocol/question.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'
import type { RunSettings } from '../../engine/protocol/request.ts'
import { digestOf } from '../../engine/protocol/run-list.ts'
import { pathStarted, runStarted, summaryStarted, tokensOf } from '../support/sample-run.ts'

const stated = (text: string): Answer => ({ text, span: [0, text.length], kind: 'boxed' })
const path = (text: string, found: Answer | null = null) => ({ text, found })
const CODE =
  'Here it is:\n\n```python\ndef longest(s):\n    return max(s.split(), key=len)\n```\n\nO(n).'
const PROOF = 'Let both be odd. Then 2a + 1 and 2b + 1 add up to 2(a + b + 1), which is even.'

/** Returns a run of paths with these texts and ends, and of summaries with these texts. */
function runOf(
  settings: Partial<RunSettings>,
  paths: readonly { text: string; reason?: EndReason; answer?: Answer | null; group?: number }[],
  summaries: readonly { text: string; answer?: Answer | null; group?: number }[] = [],
  more: readonly RunEvent[] = [],
): RunState {
  const events: RunEvent[] = [runStarted('r', 'Why?', { question: 'auto', ...settings })]
  let at = 1
  const write = (segment: SegmentId, text: string, reason: EndReason, answer: Answer | null) => {
    const pieces = text.split(/(<\/?(?:think\d+|summary)>)/).filter((piece) => piece !== '')
    const tokens = pieces.flatMap((piece) =>
      piece.startsWith('<') ? [{ ...tokensOf('<')[0]!, text: piece }] : tokensOf(piece),
    )
    if (tokens.length > 0) events.push({ type: 'tokens', at, segment, tokens })
    events.push({ type: 'segment-ended', at: at++, segment, reason, answer })
  }
  paths.forEach(({ text, reason = 'finished', answer = null, group = 1 }, i) => {
    const segment: SegmentId = `p${i + 1}`
    events.push(pathStarted(at, segment, { group }))
    write(segment, text, reason, answer)
  })
  summaries.forEach(({ text, answer = null, group }, i) => {
    const segment: SegmentId = `s${i + 1}`
    events.push(summaryStarted(at, segment, ['p1'], group === undefined ? {} : { group }))
    write(segment, text, 'finished', answer)
  })
  return foldRun([...events, ...more])
}

describe('the kind of a question', () => {
  it('is code if half of the paths hold a closed block that is longer than their prose', () => {
    expect(kindOf([path(CODE), path(PROOF)])).toBe('code')
    expect(kindOf([path(CODE), path(PROOF), path(PROOF)])).toBe('text')
    expect(kindOf([path('```\nx\n```\nIt assigns nothing, as one can see.')])).toBe('text')
    // Models explain the program that they were asked for at length.
    const explained = path(`${CODE}\n\n${PROOF} ${PROOF} ${PROOF}`)
    expect(kindOf([explained])).toBe('text')
    for (const question of [
      'Write a Python function longest_word(s) that returns the longest word of a sentence.',
      '请写一个返回最长单词的 Python 函数。',
      'Complete this:\n\ndef longest(s):',
    ])
      expect(kindOf([explained, path(PROOF)], null, question)).toBe('code')
    expect(kindOf([explained], null, 'Is the function x^2 even? Prove it.')).toBe('text')
    expect(kindOf([path(PROOF)], null, 'Write a function that adds.')).toBe('text')
    // A block that is not closed does not count.
    expect(kindOf([path('```python\ndef longest(s):\n    return 1')])).toBe('text')
    // Code that also states a value is still code.
    expect(kindOf([path(CODE, stated('O(n)')), path(CODE, stated('O(n)'))])).toBe('code')
  })

  it('is a value if half of them state one, else a text', () => {
    expect(kindOf([path('a', stated('4')), path('b')])).toBe('value')
    expect(kindOf([path('a', stated('4')), path('b'), path('c')])).toBe('text')
    // A number that merely stands last is not an answer.
    expect(kindOf([path('5 ideas', { ...stated('5'), kind: 'last-number' })])).toBe('text')
    expect(kindOf([])).toBe('text')
  })

  it('is a text where what is stated is a sentence, as at the end of a proof', () => {
    const kindBy = (answer: string) =>
      kindOf([path('a', stated(answer)), path('b', stated(answer))])
    for (const sentence of [
      '\\text{The sum of two odd numbers is even.}',
      'The sum of two odd numbers is even',
      '\\text{Every such number is even.}',
      '两个奇数之和是偶数。',
    ])
      expect(kindBy(sentence), sentence).toBe('text')
    for (const value of [
      '\\text{even}',
      '2 hours and 9 minutes',
      'The total is 72.',
      '\\text{Alice, Bob, Carol, Dave, Erin and Frank}',
      'the United States of America',
      '\\sin\\alpha \\cos\\beta + \\cos\\alpha \\sin\\beta \\tan\\gamma',
      '\\text{No.}',
      '星期二',
    ])
      expect(kindBy(value), value).toBe('value')
  })

  it('follows from the answer of a path, not from its thought', () => {
    const markers = { opens: ['<think>'], closes: ['</think>'], begins: false }
    const thinks = `<think>${PROOF.repeat(9)}</think>\n${CODE}`
    expect(kindOf([path(thinks)], markers)).toBe('code')
    expect(kindOf([path(thinks)])).toBe('text')
    expect(kindOf([path(`<think>\n${CODE}\n</think>\n${PROOF}`)], markers)).toBe('text')
  })

  it('does not depend on the order of the paths', () => {
    const one = fc.constantFrom(path(CODE), path(PROOF), path('x', stated('4')))
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 9 }), (paths) => {
        expect(kindOf([...paths].reverse())).toBe(kindOf(paths))
        expect(kindOf([...paths, ...paths])).toBe(kindOf(paths))
      }),
    )
  })

  it('is decided from the paths that ended by themselves or at their budget', () => {
    const code = { text: CODE, reason: 'cut' as const }
    const value = { text: 'x', answer: stated('4') }
    expect(kindToRecord(runOf({}, [value, code, code, code]), true)).toBe('value')
    expect(kindToRecord(runOf({}, [{ ...value, reason: 'budget' }, code]), true)).toBe('value')
    // Where a text happens to stop, it states nothing, but that tells the kind.
    const stops = { text: '9 + 17 = 26', answer: { ...stated('26'), kind: 'final-line' as const } }
    for (const [reason, answer] of [
      ['budget', null],
      ['stopped', null],
      ['finished', stops.answer],
    ] as const) {
      expect(runOf({}, [{ ...stops, reason }]).paths[0]!.answer).toEqual(answer)
    }
    expect(kindToRecord(runOf({}, [{ ...stops, reason: 'budget' }]), true)).toBe('value')
    // Where a command cut all of them, they are all that there is.
    expect(kindToRecord(runOf({}, [code, code]), true)).toBe('code')
    expect(kindToRecord(runOf({}, [code, code]), false)).toBeNull()
    expect(kindToRecord(runOf({}, [{ text: '' }]), true)).toBeNull()
  })

  it('is decided once, and not where it was given', () => {
    const decided: RunEvent = { type: 'question', at: 99, kind: 'text' }
    const run = runOf({}, [{ text: CODE }], [], [decided])
    expect([questionOf(run), kindToRecord(run, true)]).toEqual(['text', null])
    expect(kindToRecord(runOf({ question: 'code' }, [{ text: 'x' }]), true)).toBe('code')
    expect(questionOf(runOf({}, [{ text: CODE }]))).toBeNull()
    // Runs of older versions asked for values only.
    const old = runOf({ question: undefined }, [{ text: CODE }])
    expect([questionOf(old), kindToRecord(old, true)]).toEqual(['value', null])
  })
})

describe('fenced blocks', () => {
  it('end at a fence as long as theirs, without words behind it', () => {
    expect(codeIn('a\n````md\n```js\nx\n```\n````\nb')).toEqual({
      blocks: ['```js\nx\n```'],
      prose: 'a\nb',
    })
    expect(codeIn('~~~\nx\n```\n~~~')).toEqual({ blocks: ['x\n```'], prose: '' })
    expect(codeIn('```\nx\n``` y\n')).toEqual({ blocks: [], prose: '```\nx\n``` y\n' })
  })

  it('and prose hold every line of the text except fences', () => {
    const line = fc.constantFrom('```', '```py', '~~~', 'x', '', '  z')
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const { blocks, prose } = codeIn(lines.join('\n'))
        const words = (text: string) => (text.match(/[xz]/g) ?? []).length
        expect(words([...blocks, prose].join('\n'))).toBe(words(lines.join('\n')))
      }),
    )
  })
})

describe('the answer of a run without a single value', () => {
  const question = { type: 'question', at: 99, kind: 'text' } as const

  it('is the whole text of its summary, without control tokens', () => {
    const run = runOf(
      {},
      [{ text: '<think1>\nI say 5', answer: stated('5') }],
      [{ text: '<summary>\nAll is well.\n</summary>', answer: stated('7'), group: 1 }],
      [question],
    )
    expect(decide(run)).toEqual({ answer: 'All is well.', vote: null })
    const value = runOf(
      {},
      [{ text: 'a' }],
      [{ text: 'b', answer: stated('7'), group: 1 }],
      [{ ...question, kind: 'value' }],
    )
    expect(decide(value).answer).toBe('7')
  })

  it('is the path of a run that has only one, and nothing where paths were not merged', () => {
    const one = runOf({ strategy: 'sequential' }, [{ text: 'So be it.' }], [], [question])
    expect(decide(one)).toEqual({ answer: 'So be it.', vote: null })
    const paths = [1, 2, 3].map((group) => ({ text: `text ${group}`, group }))
    expect(decide(runOf({ strategy: 'majority' }, paths, [], [question]))).toEqual({
      answer: null,
      vote: null,
    })
  })

  it('is the first group’s summary, or the one that the user asked for later', () => {
    const settings = { strategy: 'parallel-majority', runs: 2 } as const
    const paths = [1, 2].map((group) => ({ text: 'a', group }))
    const ofGroups = [1, 2].map((group) => ({ text: `group ${group}`, group }))
    const run = runOf(settings, paths, ofGroups, [question])
    expect([decidingSummary(run)!.segment, decide(run).answer]).toEqual(['s1', 'group 1'])
    const later = runOf(settings, paths, [...ofGroups, { text: 'of all' }], [question])
    expect([answeringSegment(later)!.segment, decide(later).answer]).toEqual(['s3', 'of all'])
  })

  it('is not known before the kind is, and there is no vote to decide by hand', () => {
    expect(decide(runOf({}, [{ text: 'a', answer: stated('4') }]))).toEqual({
      answer: null,
      vote: null,
    })
    const run = runOf({}, [{ text: 'a', answer: stated('4') }], [], [question])
    expect(() => chooseByHand(run, 'p1')).toThrow(/no single value/)
  })

  it('is not shown in the column of answers', () => {
    const end: RunEvent = {
      type: 'run-ended',
      at: 100,
      reason: 'finished',
      answer: 'All is well.',
      usage: { promptTokens: 1, pathTokens: 1, summaryTokens: 1, kvBytes: 1, cells: 1 },
      timings: { loadMs: 0, prefillMs: 0, pathsMs: 0, joinMs: 0, summaryMs: 0, totalMs: 1 },
    }
    const texts = [{ text: 'All is well.', group: 1 }]
    expect(digestOf(runOf({}, [{ text: 'a' }], texts, [question, end]), false)).toMatchObject({
      answer: null,
      question: 'text',
    })
    const old = digestOf(runOf({ question: undefined }, [{ text: 'a' }], texts, [end]), false)
    expect([old.answer, old.question]).toEqual(['All is well.', undefined])
  })

  it('leaves out what the model thought before it', () => {
    const thought = { opens: ['<think>'], closes: ['</think>'], begins: true }
    const said = (text: string) => spokenText({ text, tokens: TokenList.EMPTY }, { thought })
    expect(said('Hm, 5?\n</think>\n\nIt is 7.')).toBe('It is 7.')
    expect(said('Hm, 5?')).toBe('Hm, 5?')
  })
})

describe('the usual instruction', () => {
  it('is Chinese for a question with Han characters and no kana', () => {
    expect(
      ['为什么天是蓝的？', 'Was heißt 天?', '空はなぜ青いのですか', 'ソラ', 'Why?', '왜?'].map(
        languageOf,
      ),
    ).toEqual(['zh', 'zh', 'en', 'en', 'en', 'en'])
  })

  it('asks for a box only where there is a value, and never talks of the attempts as such', () => {
    for (const question of ['Why?', '为什么？']) {
      expect(instructionFor('value', question)).toContain('\\boxed{}')
      for (const kind of ['text', 'code'] as const)
        expect(instructionFor(kind, question)).not.toContain('boxed')
    }
    for (const kind of ['value', 'text', 'code'] as const)
      expect(instructionFor(kind, 'Why?')).toMatch(/Answer in the language of the question\.$/)
  })
})

describe('a run in rounds', () => {
  // A model without training ends in a vote; the sample's model is trained.
  const rounds = {
    strategy: 'refine',
    answerBy: 'vote',
    rounds: 2,
    paths: 2,
    reads: 2,
    question: 'value',
  } as const
  const paths = (reason: EndReason) => [
    { text: 'a', answer: stated('1') },
    { text: 'b', answer: stated('1') },
    { text: 'c', answer: stated('2'), group: 2, reason },
    { text: 'd', answer: stated('2'), group: 2, reason: 'cut' as const },
  ]

  it('votes over its last round, and over the one before if no path of the last one ended', () => {
    const { answer, vote } = decide(runOf(rounds, paths('finished')))
    expect([answer, vote!.over]).toEqual(['2', 'paths'])
    expect(vote!.classes).toEqual([{ answer: '2', members: ['p3', 'p4'] }])
    const stopped = decide(runOf(rounds, paths('stopped')))
    expect(stopped.vote!.classes).toEqual([{ answer: '1', members: ['p1', 'p2'] }])
  })

  it('has the answer of its summary if it has one', () => {
    const summary = [{ text: 'e', answer: stated('3'), group: 2 }]
    expect(decide(runOf(rounds, paths('finished'), summary))).toEqual({ answer: '3', vote: null })
    const asked = { ...rounds, answerBy: 'summary' } as const
    expect(decide(runOf(asked, paths('finished'))).answer).toBeNull()
  })
})

describe('a run that a vote may answer', () => {
  const asked = { strategy: 'parallel', paths: 3, question: 'value', answerBy: 'vote' } as const
  const paths = ['4', '7', '4'].map((answer) => ({ text: 'a', answer: stated(answer) }))

  it('counts its paths, unless it is asked for a summary', () => {
    const { answer, vote } = decide(runOf(asked, paths))
    expect([answer, vote!.over, vote!.classes[0]!.members]).toEqual(['4', 'paths', ['p1', 'p3']])
    const fused = { ...asked, answerBy: 'summary' } as const
    expect(decide(runOf(fused, paths))).toEqual({ answer: null, vote: null })
  })

  it('has the answer of a summary, and of its paths where that states none', () => {
    const says = (text: string) => ({ text, answer: text === '' ? null : stated(text) })
    expect(decide(runOf(asked, paths, [says('9')]))).toEqual({ answer: '9', vote: null })
    expect(decide(runOf(asked, paths, [says('')])).answer).toBe('4')
  })
})
