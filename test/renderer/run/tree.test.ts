import { expect, test } from 'vitest'
import type { RunEvent, Token } from '../../../engine/protocol/events.ts'
import { boardOf } from '../../../engine/protocol/decision.ts'
import { foldRun } from '../../../engine/protocol/fold.ts'
import { pathId } from '../../../engine/protocol/segments.ts'
import { TokenList } from '../../../engine/protocol/token-list.ts'
import { findIn } from '../../../renderer/run/find.ts'
import { pathTree } from '../../../renderer/run/tree.ts'
import { partingOf, siblingsAt } from '../../../renderer/inspect/siblings.ts'
import { BALLS, pathStarted, scripted } from '../synthetic.ts'

const run = (...texts: string[]) => {
  const events: RunEvent[] = []
  texts.forEach((text, i) => {
    events.push(pathStarted(i + 1))
    events.push({
      type: 'tokens',
      at: 1,
      segment: pathId(i + 1),
      tokens: [
        { id: 900 + i, text: `<think${i + 1}>`, logprob: null, entropy: null, forced: true },
        ...[...text].map((char) => ({
          id: char.codePointAt(0)!,
          text: char,
          logprob: -1,
          entropy: 1,
        })),
      ],
    })
  })
  return foldRun(events)
}

test('the tree has the common prefix as its trunk, then the branches', () => {
  const tree = pathTree(run('abcX', 'abcYd', 'abcYe').paths)!
  expect([tree.from, tree.to, tree.text]).toEqual([0, 3, 'abc'])
  expect(tree.children.map(({ paths, from, to }) => ({ paths, from, to }))).toEqual([
    { paths: ['p1'], from: 3, to: 4 },
    { paths: ['p2', 'p3'], from: 3, to: 4 },
  ])
  expect(tree.children[1]!.children.map(({ paths }) => paths)).toEqual([['p2'], ['p3']])
})

test('equal paths, one path, and prefixes of one another are drawn too', () => {
  expect(pathTree(run('ab', 'ab').paths)!.children.map(({ paths }) => paths)).toEqual([
    ['p1'],
    ['p2'],
  ])
  expect(pathTree(run('ab').paths)!.children).toEqual([])
  expect(
    pathTree(run('ab', 'abc').paths)!.children.map(({ paths, from, to }) => [paths[0], from, to]),
  ).toEqual([
    ['p1', 2, 2],
    ['p2', 2, 3],
  ])
  expect(pathTree(run('').paths)).toBeNull()
})

test('where paths part, and who shares a beginning', () => {
  const state = run('abcX', 'abcYd', 'abZ', 'ab')
  const [a, b, c, d] = state.paths
  expect(partingOf(a!, b!)).toEqual({ a: 4, b: 4 })
  expect(partingOf(c!, d!)).toBeNull()
  expect(siblingsAt(state, a!, 4)).toEqual(['p1', 'p2'])
  expect(siblingsAt(state, a!, 3)).toEqual(['p1', 'p2', 'p3'])
})

test('paths of an engine that tells no token ids are compared by their texts', () => {
  const told = run('abX', 'abY', 'ab')
  const paths = told.paths.map((path) => ({
    ...path,
    tokens: TokenList.from(Array.from(path.tokens, ({ id: _, ...token }): Token => ({ ...token }))),
  }))
  expect(pathTree(paths)).toEqual(pathTree(told.paths))
  expect(partingOf(paths[0]!, paths[1]!)).toEqual({ a: 3, b: 3 })
  expect(siblingsAt({ ...told, paths }, paths[0]!, 3)).toEqual(['p1', 'p2'])
})

test('find reads every path and summary, without the control tokens, without regard to case', () => {
  const state = foldRun(scripted(BALLS))
  const hits = findIn(state, 'OKAY')
  expect(hits.map(({ segment, offset }) => [segment, offset])).toEqual([
    ['p1', 0],
    ['p2', 0],
    ['p3', 0],
    ['p4', 0],
  ])
  expect(findIn(state, 'rules out')[0]).toMatchObject({ segment: 's1', match: 'rules out' })
  expect(findIn(state, '<think')).toEqual([])
  expect(findIn(state, ' ')).toEqual([])
})

test('the board shows votes, ties, a choice by hand, and a summary that says otherwise', () => {
  const state = foldRun(scripted(BALLS))
  expect(boardOf(state)).toMatchObject({
    voted: true,
    tie: false,
    disagrees: false,
    rows: [
      { members: ['p1', 'p2', 'p4'], wins: true },
      { members: ['p3'], wins: false },
    ],
  })
  expect(boardOf(foldRun(scripted({ ...BALLS, answers: ['1', '2', '1', '2'] }))).tie).toBe(true)
  expect(
    boardOf(foldRun(scripted({ ...BALLS, summary: 'It is 1/2.', answer: '1/2' }))).disagrees,
  ).toBe(true)
  const over = {
    ...state.votes[0]!,
    over: 'summaries' as const,
    classes: [{ answer: '2', members: ['s1'] }],
    winner: 0,
  }
  const [summary] = state.summaries
  expect(boardOf({ ...state, votes: [over] }).disagrees).toBe(false)
  expect(
    boardOf({
      ...state,
      votes: [over],
      summaries: [summary!, { ...summary!, segment: 's2', number: 2, startedAt: over.at + 1 }],
    }),
  ).toMatchObject({ disagrees: true, summaryAnswer: BALLS.answer })
  const grouped = boardOf({ ...state, votes: [] })
  expect(grouped).toMatchObject({
    voted: false,
    rows: [{ members: ['p1', 'p2', 'p4'] }, { members: ['p3'] }],
  })
  // Where a text that was cut off happens to stop, it states nothing.
  const cut = foldRun(
    scripted(BALLS).flatMap((event) =>
      event.type === 'vote'
        ? []
        : event.type !== 'segment-ended' || event.segment === 'p1' || event.answer === null
          ? [event]
          : [{ ...event, reason: 'budget', answer: { ...event.answer, kind: 'final-line' } }],
    ),
  )
  expect(boardOf(cut).rows).toMatchObject([
    { answer: null, members: ['p2', 'p3', 'p4'] },
    { members: ['p1'] },
  ])
  // Without a vote there is no tie to decide, and half of the answers are not most of them.
  const even = scripted({ ...BALLS, answers: ['1', '2', '1', '2'] })
  const halves = boardOf(foldRun(even.filter(({ type }) => type !== 'vote')))
  expect(halves).toMatchObject({ tie: false, majority: null, disagrees: false })
  expect(grouped.majority!.members).toEqual(['p1', 'p2', 'p4'])
  const byHand = { ...state.votes[0]!, winner: 1, chosen: 'p3' as const }
  expect(boardOf({ ...state, votes: [byHand] })).toMatchObject({ byHand: true, disagrees: false })
})
