import { describe, expect, it } from 'vitest'
import { decide } from '../../engine/protocol/decision.ts'
import { judgedWinner } from '../../engine/protocol/deciding.ts'
import { JUDGE_TOKENS, matchesOf, scoreOf, verdictIn } from '../../engine/protocol/judges.ts'
import { isOpen, segmentOf } from '../../engine/protocol/run-state.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { standingsOf } from '../../engine/protocol/tournament.ts'
import { Random } from '../support/random.ts'
import { Simulator } from './simulator.ts'

type Asked = ConstructorParameters<typeof Simulator>[0]

/** A run whose paths have ended, with these values or, absent, with texts. */
function judged(paths: number, asked: Asked = {}, answers: (string | undefined)[] = []): Simulator {
  const question = answers.length > 0 ? 'value' : 'text'
  const settings = { strategy: 'tournament', paths, question, ...asked } as const
  const run = new Simulator(settings, false, new Random(1))
  run.advance()
  for (const [i, { segment }] of run.state.paths.entries()) {
    run.token(segment)
    run.end(segment, 'finished', answers[i])
    run.advance()
  }
  return run
}

const open = ({ state }: Simulator) =>
  state.others.filter(isOpen).map(({ segment, reads }) => `${segment} ${reads.join()}`)

/** Ends the open judges; `prefer` names what one prefers of two. Returns the pairs of this round. */
function round(
  run: Simulator,
  prefer: (a: SegmentId, b: SegmentId) => SegmentId | undefined,
): string[] {
  const judges = run.state.others.filter(isOpen)
  for (const { segment, reads } of judges) {
    run.token(segment)
    run.end(segment, 'finished', prefer(reads[0]!, reads[1]!))
    run.advance()
  }
  return judges.map(({ reads }) => reads.join('-'))
}

const lower = (a: SegmentId, b: SegmentId) => (a < b ? a : b)
const ranked = (run: Simulator) =>
  standingsOf(run.state).map(({ members, points }) => `${members.join('=')}:${points}`)
/** Carries out the vote at the end of a run; returns its winner. */
function winner(run: Simulator): SegmentId | undefined {
  const { vote } = decide(run.state)
  if (vote !== null) run.emit(vote)
  return judgedWinner(run.state)
}

describe('a tournament', () => {
  it('judges each pair in both orders, in Swiss pairing, and the better one wins', () => {
    const run = judged(4)
    expect(run.finished).toBe(false)
    expect(segmentOf(run.state, 'j1')).toMatchObject({ group: 1, budget: JUDGE_TOKENS })
    const higher = (a: SegmentId, b: SegmentId) => (a > b ? a : b)
    expect(round(run, higher)).toEqual(['p1-p2', 'p2-p1', 'p3-p4', 'p4-p3'])
    expect(ranked(run)).toEqual(['p2:2', 'p4:2', 'p1:0', 'p3:0'])
    expect(round(run, higher)).toEqual(['p2-p4', 'p4-p2', 'p1-p3', 'p3-p1'])
    expect(run.finished).toBe(true)
    expect(ranked(run)).toEqual(['p4:4', 'p2:2', 'p3:2', 'p1:0'])
    expect(winner(run)).toBe('p4')
    expect(decide(run.state)).toMatchObject({ answer: 'x', vote: null })
    expect(new Set(run.state.others.map(({ seed }) => seed)).size).toBe(8)
  })

  it('has as many rounds as judgements are asked for, and nobody meets another twice', () => {
    for (const judgements of [1, 2, 3]) {
      const run = judged(6, { judgements })
      const met = new Set<string>()
      for (let rounds = 0; rounds < judgements; rounds++)
        for (const pair of round(run, lower)) {
          expect(met).not.toContain(pair)
          met.add(pair)
        }
      expect(run.finished).toBe(true)
      expect(met.size).toBe(6 * judgements)
    }
    // Two candidates can meet once only.
    const two = judged(2, { judgements: 3 })
    round(two, lower)
    expect([two.finished, two.state.others.length]).toEqual([true, 2])
  })

  it('lets the last of an odd number sit out, each once, for what a draw gives', () => {
    const run = judged(3, { judgements: 3 })
    expect(round(run, lower)).toEqual(['p1-p2', 'p2-p1'])
    expect(ranked(run)).toEqual(['p1:2', 'p3:1', 'p2:0'])
    expect(round(run, lower)).toEqual(['p1-p3', 'p3-p1'])
    expect(round(run, lower)).toEqual(['p2-p3', 'p3-p2'])
    expect(ranked(run)).toEqual(['p1:5', 'p2:3', 'p3:1'])
    expect(run.finished).toBe(true)
  })

  it('cancels the bias of judges to what they read first', () => {
    const run = judged(4, { judgements: 1 })
    round(run, (first) => first)
    expect(matchesOf(run.state).map(scoreOf)).toEqual([
      [1, 1],
      [1, 1],
    ])
    expect(winner(run)).toBe('p1')
    expect(run.state.votes[0]).toMatchObject({ tie: true, winner: 0, over: 'judges' })
  })

  it('counts a judge that names neither for neither, and says so', () => {
    const run = judged(2)
    round(run, (a, b) => (a === 'p1' ? undefined : a === 'p2' ? 'p2' : b))
    expect(ranked(run)).toEqual(['p2:1', 'p1:0'])
    expect(run.state.notices).toMatchObject([
      { code: 'judges-silent', params: { silent: 1, of: 2 } },
    ])
    expect(winner(run)).toBe('p2')
    const none = judged(4)
    while (!none.finished) round(none, () => undefined)
    expect(winner(none)).toBe('p1')
    expect(none.state.votes[0]!.tie).toBe(true)
  })

  it('breaks a tie by the points of the opponents, then by the lowest path', () => {
    const run = judged(6, { judgements: 2 })
    const order = ['p3', 'p5', 'p1', 'p2', 'p4', 'p6']
    const better = (a: SegmentId, b: SegmentId) => (order.indexOf(a) < order.indexOf(b) ? a : b)
    round(run, better)
    // p1, p3 and p5 lead; p3 beats p1, p5 beats p2.
    round(run, better)
    const [first, second] = standingsOf(run.state)
    expect([first!.points, second!.points]).toEqual([4, 4])
    expect(first!.opponents).toBeGreaterThan(second!.opponents)
    expect([first!.members, second!.members]).toEqual([['p3'], ['p5']])
    expect(winner(run)).toBe('p3')
    expect(run.state.votes[0]!.tie).toBe(true)
  })

  it('lets equal values compete as one, and judges nothing if there is only one', () => {
    const run = judged(5, {}, ['7', '8', '7.0', undefined, '9'])
    expect(open(run)).toEqual(['j1 p1,p2', 'j2 p2,p1'])
    round(run, (a, b) => (a === 'p2' ? a : b))
    expect(ranked(run)).toEqual(['p2:2', 'p5:1', 'p1=p3:0'])
    round(run, lower)
    expect(run.finished).toBe(true)
    expect(decide(run.state).answer).toBe('8')
    const agreed = judged(3, {}, ['7', '7', '7'])
    expect([agreed.finished, agreed.state.others]).toEqual([true, []])
    expect(decide(agreed.state).answer).toBe('7')
    // Where judges tell nothing, more paths count.
    const tied = judged(3, {}, ['8', '7', '7'])
    while (!tied.finished) round(tied, (first) => first)
    expect(decide(tied.state).answer).toBe('7')
  })

  it('goes on without a path that is dropped, before and after its judges began', () => {
    const run = judged(5, { judgements: 2 })
    run.command({ type: 'drop', segment: 'p1' })
    run.advance()
    round(run, lower)
    expect(ranked(run)).toEqual(['p3:2', 'p5:1', 'p4:0', 'p2:0'])
    expect(round(run, lower)).toEqual(['p3-p5', 'p5-p3', 'p4-p2', 'p2-p4'])
    expect(winner(run)).toBe('p3')
    run.later = true
    run.command({ type: 'drop', segment: 'p3' })
    expect(winner(run)).toBe('p2')
    const failed = judged(2)
    failed.command({ type: 'drop', segment: 'p2' })
    failed.advance()
    round(failed, () => 'p2')
    expect(winner(failed)).toBe('p1')
  })

  it('waits for a path that is extended, and takes up one that was branched', () => {
    const run = new Simulator(
      { strategy: 'tournament', paths: 2, question: 'text' },
      false,
      new Random(1),
    )
    run.advance()
    for (const path of ['p1', 'p2']) {
      run.token(path)
      run.end(path, 'budget')
    }
    run.advance()
    expect(open(run)).toEqual(['j1 p1,p2', 'j2 p2,p1'])
    run.command({ type: 'extend', segment: 'p1', tokens: 4 })
    run.command({ type: 'branch', segment: 'p2', at: 1, token: 3 })
    round(run, lower)
    expect(run.open).toEqual(['p1', 'p3'])
    run.token('p1')
    run.end('p1', 'finished')
    run.token('p3')
    run.end('p3', 'finished')
    run.advance()
    expect(round(run, lower)).toEqual(['p1-p3', 'p3-p1'])
    expect(run.finished).toBe(true)
    expect(winner(run)).toBe('p1')
  })

  it('ends for a summary that the user asks for, and the later of the two decides', () => {
    const run = judged(4)
    const { segment } = run.command({ type: 'summarise' })
    expect(run.open).toEqual([segment])
    run.advance()
    run.token(segment!)
    run.end(segment!, 'finished')
    run.advance()
    expect(run.finished).toBe(true)
    expect(decide(run.state)).toMatchObject({ answer: 'x', vote: null })
    expect(winner(run)).toBeUndefined()
  })

  it('is left without an answer if it is stopped before any text was judged, but not any value', () => {
    const texts = judged(3)
    for (const judge of texts.state.others)
      texts.emit({ type: 'segment-ended', segment: judge.segment, reason: 'stopped', answer: null })
    expect(winner(judgeless(judged(3)))).toBeUndefined()
    expect(winner(texts)).toBe('p1')
    expect(decide(judgeless(judged(3, {}, ['8', '7', '7'])).state).answer).toBe('7')
  })

  it('judges the summaries of a model that was trained to write them', () => {
    const run = new Simulator(
      { strategy: 'tournament', paths: 2, question: 'text' },
      true,
      new Random(1),
    )
    run.advance()
    for (const path of ['p1', 'p2', 's1', 's2']) {
      run.token(path)
      run.end(path, 'finished')
      run.advance()
    }
    expect(open(run)).toEqual(['j1 s1,s2', 'j2 s2,s1'])
    round(run, () => 's2')
    expect(winner(run)).toBe('s2')
  })

  it('judges the first m paths only, if a number ends the others', () => {
    const run = new Simulator(
      { strategy: 'tournament', paths: 4, finish: 2, question: 'text' },
      false,
      new Random(1),
    )
    run.advance()
    for (const path of run.state.paths) run.token(path.segment)
    for (const path of ['p2', 'p4']) run.end(path, 'finished')
    run.advance()
    expect(open(run)).toEqual(['j1 p2,p4', 'j2 p4,p2'])
  })
})

/** The run as it was before its judges began. */
function judgeless(run: Simulator): Simulator {
  run.state = { ...run.state, others: [] }
  return run
}

describe('a verdict', () => {
  const reads: SegmentId[] = ['p3', 'p1']
  it.each([
    ['Both add. The second forgets a term.\nBetter: 1', 'p3'],
    ['**Better: 2**', 'p1'],
    ['**Better:** Attempt 2.', 'p1'],
    ['Better: 1 at first sight, but then it fails.\n\nbetter : 2', 'p1'],
    ['第一次算错了。更好：2', 'p1'],
    ['最后：\n更好：尝试1。', 'p3'],
    ['Then end with one line, "Better: 1" or "Better: 2".', undefined],
    ['"Better: 1" or "Better: 2".\nBetter: 1', 'p3'],
    ['Better: 1 or 2', undefined],
    ['Better: 12', undefined],
    ['Better: 3', undefined],
    ['Better: neither', undefined],
    ['Attempt 1 is the one that I like.', undefined],
    ['', undefined],
  ])('%j', (text, preferred) => {
    const verdict = verdictIn(text, reads)
    expect(verdict?.text).toBe(preferred)
    if (verdict !== null) expect(text.slice(...verdict.span)).toMatch(/[12]$/)
  })

  it('is found in hostile texts in no time, which the test would otherwise wait for', () => {
    expect(verdictIn('better'.repeat(20_000) + 'Better: '.repeat(20_000), reads)).toBeNull()
    expect(verdictIn(`Better: ${' '.repeat(100_000)}1`, reads)).toBeNull()
  })
})
