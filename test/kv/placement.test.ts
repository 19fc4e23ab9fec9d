import { describe, expect, it } from 'vitest'
import { copiedCells, Placement, placeParts, type PlacingRules } from '../../engine/kv/index.ts'
import { EMPTY_RUN, type RunState, type Segment } from '../../engine/protocol/fold.ts'
import { pathId, type Part, type Source } from '../../engine/protocol/segments.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'

const PROMPT = 10

const tokensOf = (length: number) =>
  TokenList.from(
    Array.from({ length }, (_, id) => ({ id, text: '', logprob: null, entropy: null })),
  )
/** Returns a run of paths of these lengths; a branch is [length, parent, at]. */
const runOf = (...paths: (number | [number, number, number])[]): RunState => ({
  ...EMPTY_RUN,
  promptTokens: Array.from({ length: PROMPT }, () => 0),
  paths: paths.map((one, i) => {
    const [length, parent, at] = typeof one === 'number' ? [one] : one
    return {
      segment: pathId(i + 1),
      role: 'path',
      status: 'done',
      parent: parent === undefined ? null : { segment: pathId(parent), at },
      source: { type: 'prompt' },
      reads: [],
      tokens: tokensOf(length),
    } as unknown as Segment
  }),
})
const join = (...parts: Part[]): Source => ({ type: 'join', layout: 'consecutive', parts })
const words = (length: number): Part => ({ tokens: Array.from({ length }, () => 0) })
const rules = (state: RunState, more: Partial<PlacingRules> = {}): PlacingRules => ({
  state,
  placement: new Placement(),
  prompt: PROMPT,
  kvType: 'f16',
  holds: () => true,
  ...more,
})
const summary = (source: Source) => ({ role: 'summary', source }) as const
const places = (source: Source, all: PlacingRules) =>
  placeParts(summary(source), all).map(({ segment, place }) => `${place} ${segment}`)

const BOTH = join(
  { prompt: true, to: 8 },
  words(5),
  { segment: 'p1', to: 20 },
  words(3),
  { segment: 'p2', to: 30 },
  words(9),
)

describe('where the parts of a join go', () => {
  it('is behind one another, counted by positions', () => {
    expect(placeParts(summary(BOTH), rules(runOf(20, 30)))).toEqual([
      { segment: 'p1', place: 'move', start: 10, end: 30, cells: 20, target: 13, home: 10 },
      { segment: 'p2', place: 'move', start: 10, end: 40, cells: 30, target: 36, home: 10 },
    ])
  })

  it('is a copy for a part of a path, whose token 0 would stand before', () => {
    const placed = placeParts(
      summary(join({ prompt: true, to: 8 }, words(5), { segment: 'p1', from: 6, to: 20 })),
      rules(runOf(20)),
    )
    expect(placed).toEqual([
      { segment: 'p1', place: 'copy', start: 16, end: 30, cells: 14, target: 7, home: 10 },
    ])
    expect(copiedCells(placed)).toBe(14)
  })

  it('is a copy of what cannot be moved: a quantised K, an open path, cells of a branch, a part said twice', () => {
    for (const kvType of ['q8_0', 'q4_0'] as const)
      expect(places(BOTH, rules(runOf(20, 30), { kvType }))).toEqual(['copy p1', 'copy p2'])
    const open = runOf(20, 30)
    const [p1, p2] = open.paths as [Segment, Segment]
    const thinking = { ...open, paths: [p1, { ...p2, status: 'thinking' as const }] }
    expect(places(BOTH, rules(thinking))).toEqual(['move p1', 'copy p2'])
    expect(places(BOTH, rules(runOf(20, 30, [9, 2, 4])))).toEqual(['move p1', 'copy p2'])
    expect(places(BOTH, rules(runOf(20, [30, 1, 4])))).toEqual(['copy p1', 'copy p2'])
    const twice = join(words(20), { segment: 'p1', to: 20 }, { segment: 'p1', to: 20 })
    expect(places(twice, rules(runOf(20)))).toEqual(['copy p1', 'copy p1'])
  })

  it('is a move beside a branch whose cells are gone, unless it is about to begin', () => {
    const state = runOf(20, 30, [9, 2, 4])
    const holds = (segment: string) => segment !== 'p3'
    expect(places(BOTH, rules(state, { holds }))).toEqual(['move p1', 'move p2'])
    const waiting = {
      ...state,
      paths: [...state.paths.slice(0, 2), { ...state.paths[2]!, status: 'waiting' as const }],
    }
    expect(places(BOTH, rules(waiting, { holds }))).toEqual(['move p1', 'copy p2'])
  })

  it('is a copy where it would reach into the positions of the prompt, which the path shares', () => {
    const near = join({ prompt: true, to: 2 }, words(5), { segment: 'p1', to: 20 })
    expect(places(near, rules(runOf(20)))).toEqual(['copy p1'])
  })

  it('is a copy for a path that reads others, since several paths read the same ones', () => {
    const placed = placeParts({ role: 'path', source: BOTH }, rules(runOf(20, 30)))
    expect(placed.map(({ place }) => place)).toEqual(['copy', 'copy'])
  })

  it('is a copy of a path that reads others, from behind what it reads', () => {
    const state = runOf(20, 30)
    const [p1, p2] = state.paths as [Segment, Segment]
    const behind = {
      ...p2,
      source: join({ prompt: true, to: 8 }, words(5), { segment: 'p1', to: 20 }),
    }
    const joined = { ...state, paths: [p1, { ...behind, reads: ['p1'] }] }
    const source = join({ prompt: true }, words(90), { segment: 'p2', to: 30 })
    expect(placeParts(summary(source), rules(joined))).toEqual([
      { segment: 'p2', place: 'copy', start: 33, end: 63, cells: 30, target: 100, home: 33 },
    ])
  })

  it('is nothing in the layout of a trained model', () => {
    const shared: Source = { type: 'join', layout: 'shared', parts: [{ segment: 'p1' }] }
    expect(placeParts(summary(shared), rules(runOf(20)))).toEqual([])
  })
})

describe('where paths are', () => {
  const state = runOf(20, 30)
  const joined = () => {
    const placement = new Placement()
    placement.join('s1', placeParts(summary(BOTH), rules(state, { placement })))
    return placement
  }

  it('is where a join moved them, from where the next join copies or moves them on', () => {
    const placement = joined()
    expect([
      placement.offset(state.paths[0]!, state),
      placement.offset(state.paths[1]!, state),
    ]).toEqual([13, 36])
    expect(placement.isHome('p1')).toBe(false)
    expect([placement.holderOf('p1'), placement.copied('s1')]).toEqual(['s1', 0])
    const second = placeParts(summary(BOTH), rules(state, { placement }))
    expect(second.map(({ place, start }) => [place, start])).toEqual([
      ['copy', 13],
      ['copy', 36],
    ])
    placement.forget('s1')
    const third = placeParts(
      summary(join(words(20), { segment: 'p2', to: 30 })),
      rules(state, { placement }),
    )
    expect(third).toMatchObject([{ place: 'move', start: 36, end: 66, target: 20, home: 10 }])
  })

  it('is home again; the cells that a summary still reads are then its own', () => {
    const placement = joined()
    placement.cameHome('p2')
    expect([placement.isHome('p2'), placement.copied('s1')]).toEqual([true, 30])
    placement.forget('p1') // dropped
    expect(placement.copied('s1')).toBe(50)
    placement.forget('s1')
    expect(placement.copied('s1')).toBe(0)
  })

  it('is unsure until the summary has begun, and then as it was found', () => {
    const placement = joined()
    expect(placement.unsure(() => false)).toEqual(['p1', 'p2'])
    placement.found('p1', PROMPT)
    expect(placement.isHome('p1')).toBe(true)
    expect(placement.unsure(() => true)).toEqual([])
    expect(placement.offset(state.paths[1]!, state)).toBe(36)
  })

  it('a summary that begins once more holds only what it joins then', () => {
    const placement = joined()
    placement.cameHome('p1')
    expect(placement.copied('s1')).toBe(20)
    placement.join(
      's1',
      placeParts(
        summary(join(words(20), { segment: 'p2', from: 25, to: 30 })),
        rules(state, { placement }),
      ),
    )
    expect([placement.copied('s1'), placement.holderOf('p2')]).toEqual([5, undefined])
  })
})
