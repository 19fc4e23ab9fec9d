import { describe, expect, it } from 'vitest'
import { extractAnswer } from '../../engine/prompt/index.ts'
import { optionsIn } from '../../engine/prompt/options.ts'
import { kindOf } from '../../engine/protocol/question.ts'
import { vote } from '../../engine/protocol/answers/vote.ts'

const AIR = 'Which gas makes up most of air?\nA) Oxygen\nB) Carbon dioxide\nC) Nitrogen\nD) Argon'
const SKY = '天空主要由哪种气体组成？\nA. 氧气\nB. 氮气'
const lettersOf = (question: string) =>
  optionsIn(question)
    .map(({ letter }) => letter)
    .join('')

describe('the options of a question', () => {
  it.each([
    [AIR, 'ABCD'],
    [SKY, 'AB'],
    ['How many?\n(A) 12\n(B) 15\n(C) 20', 'ABC'],
    ['How many? (A) 12 (B) 15 (C) 20', 'ABC'],
    ['Pick one:\n- A. yes\n- B. no', 'AB'],
    ['An example: (A) 1 (B) 2. Now:\n(A) red\n(B) green\n(C) blue', 'ABC'],
    ['Is vitamin A. good? Plan B: rest.', ''],
    ['A) only one', ''],
    ['A) one\nB) two\nD) four', 'AB'],
    ['A) one\nB) two\nB) again\nD) four', 'AB'],
    ['B) no first\nC) option', ''],
    ['Points A, B and C are on a line; f(A) = 2.', ''],
  ])('%j has %j', (question, letters) => {
    expect(lettersOf(question)).toBe(letters)
  })

  it('end at the next option, the line or the punctuation', () => {
    expect(optionsIn('Which? (A) 12 cm, (B) 15 cm; (C) none of these.\nThink first.')).toEqual([
      { letter: 'A', text: '12 cm' },
      { letter: 'B', text: '15 cm' },
      { letter: 'C', text: 'none of these' },
    ])
  })
})

describe('an answer to a question with options', () => {
  it.each([
    ['The correct answer is C) Nitrogen. It makes up about 78% of the air.', '(C) Nitrogen'],
    ['The gas that makes up most of air is nitrogen.', '(C) Nitrogen'],
    ['Nitrogen makes up about 78% of the air.', '(C) Nitrogen'],
    ['Oxygen is 21%. Most of the rest is **nitrogen**.', '(C) Nitrogen'],
    ['Plants take it in, so it is carbon dioxide.', '(B) Carbon dioxide'],
    ['\\boxed{c}', '(C) Nitrogen'],
    ['\\boxed{\\text{Nitrogen}}', '(C) Nitrogen'],
    ['The answer is (C).', '(C) Nitrogen'],
    ['It is not oxygen.', null],
    ["It isn't argon.", null],
    ['Oxygen and nitrogen are both common.', null],
    ['Nitrogen and oxygen are common. The most common one is hard to name.', null],
    ['Oxygen is what we breathe. It is everywhere.', null],
    ['The answer is C) Oxygen.', 'C) Oxygen'],
    ['Helium.', null],
  ])('%j: %j', (text, answer) => {
    expect(extractAnswer(text, AIR)?.text ?? null).toBe(answer)
  })

  it('is found in Chinese', () => {
    expect(extractAnswer('空气中最多的是氮气。', SKY)?.text).toBe('(B) 氮气')
    expect(extractAnswer('空气中最多的不是氧气。', SKY)).toBeNull()
  })

  it('marks the words in the text', () => {
    const text = 'First I thought of oxygen.\n\nThe gas is nitrogen.'
    const [start, end] = extractAnswer(text, AIR)!.span
    expect(text.slice(start, end)).toBe('nitrogen')
  })

  it('is found where it has signs that mean something in a pattern', () => {
    const question = 'Which?\nA) C++ (1985) or so\nB) well-known/old'
    expect(extractAnswer('It is well-known/old.', question)?.text).toBe('(B) well-known/old')
  })

  it('prefers the longer of two options that overlap', () => {
    const question = 'What is it?\nA) oxygen\nB) liquid oxygen'
    expect(extractAnswer('It is liquid oxygen.', question)?.text).toBe('(B) liquid oxygen')
  })

  it('leaves a long option to its letter', () => {
    const long =
      'because the air above the sea is warmer than the air above the land at night, so that it rises'
    const question = `Why?\nA) ${long} and falls\nB) no reason`
    expect(extractAnswer('\\boxed{A}', question)?.text).toBe('(A)')
  })

  it('counts a letter, words and a number as one vote', () => {
    const question = 'How long is it? (A) 12 cm (B) 15 cm'
    const said = ['It is \\boxed{15} cm.', 'The answer is B.', 'So it is 15 cm.']
    const answers = said.map((text) => extractAnswer(text, question)?.text ?? null)
    const { classes } = vote(
      answers.map((answer, i) => ({ member: `p${i + 1}`, answer })),
      'equality',
    )
    expect(classes.map(({ members }) => members)).toEqual([['p1', 'p2', 'p3']])
    expect(extractAnswer('4', 'Work out:\nA) 2 + 2\nB) 3 * 3')?.text).toBe('4')
  })

  it('makes the question one with a value, also where an option is a sentence', () => {
    const question =
      'Why is the sky blue?\nA) Short waves are scattered more by the air.\nB) The sea.'
    const path = (text: string) => ({ text, found: extractAnswer(text, question) })
    expect(kindOf([path('\\boxed{A}'), path('The answer is (A).')], null, question)).toBe('value')
  })
})
