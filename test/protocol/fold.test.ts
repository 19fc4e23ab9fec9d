import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventOf, RunEvent } from '../../engine/protocol/events.ts'
import {
  applyEvent,
  applyEvents,
  EMPTY_RUN,
  foldRun,
  interrupt,
  isAtWork,
  meanLogprob,
  ranUntil,
  segmentOf,
  tokensPerSecond,
  type RunState,
} from '../../engine/protocol/fold.ts'
import { digestOf } from '../../engine/protocol/run-list.ts'
import type { RunStatus } from '../../engine/protocol/wire.ts'
import {
  ended,
  pathStarted,
  runStarted,
  sampleRun,
  summaryStarted,
  tokensOf,
} from '../support/sample-run.ts'

/** Token lists share arrays; compare what they hold. */
const plain = (state: RunState) => ({
  ...state,
  paths: state.paths.map((path) => ({ ...path, tokens: [...path.tokens] })),
  summaries: state.summaries.map((one) => ({ ...one, tokens: [...one.tokens] })),
  others: state.others.map((one) => ({ ...one, tokens: [...one.tokens] })),
})

describe('foldRun', () => {
  const state = foldRun(sampleRun('r1'))

  it('reads a whole run', () => {
    expect(state).toMatchObject({
      status: 'ended',
      run: 'r1',
      answer: '4 again',
      endReason: 'finished',
      fusion: 'cache',
      events: sampleRun('r1').length,
      at: 2201,
    })
    expect(state.paths.map((path) => [path.segment, path.status, path.reason])).toEqual([
      ['p1', 'done', 'finished'],
      ['p2', 'dropped', 'dropped'],
      ['p3', 'truncated', 'budget'],
    ])
    expect(state.paths[0]!.text).toBe('<think1>Two and two make \\boxed{4}')
    expect(
      state.summaries.map((one) => [one.number, one.group, one.text, one.reads, one.fusion]),
    ).toEqual([
      [1, 1, '<summary> \\boxed{4}.', ['p1', 'p2'], 'cache'],
      [2, null, '4 again', ['p1', 'p3'], 'reread'],
    ])
    expect(state.summaries.map((one) => one.cuts)).toEqual([[], [{ segment: 'p1', removed: 2 }]])
    expect(state.votes).toHaveLength(1)
    expect(state.notices.map((notice) => notice.code)).toEqual(['path-cut'])
    expect(state.usage?.kvBytes).toBe(4096)
  })

  it('gives a branch the tokens it kept, without counting them as its own speed or first token', () => {
    const [parent, branch] = [segmentOf(state, 'p1')!, segmentOf(state, 'p3')!]
    const kept = parent.tokens.slice(0, 4)
    expect(branch.tokens.slice(0, 4)).toEqual(kept)
    expect(branch.text).toBe(kept.map((token) => token.text).join('') + ' five')
    expect(branch.firstTokenAt).toBe(2010)
    const events = sampleRun('r1')
    const begun = events.findIndex(
      (event) => event.type === 'segment-started' && event.segment === 'p3',
    )
    expect(segmentOf(foldRun(events.slice(0, begun + 1)), 'p3')).toMatchObject({
      status: 'waiting',
      firstTokenAt: null,
    })
  })

  it('counts logprobs of sampled tokens only, and speed from the first batch on', () => {
    const path = segmentOf(state, 'p1')!
    const sampled = [...path.tokens].filter((token) => token.forced !== true)
    expect(meanLogprob(path)).toBeCloseTo(
      sampled.reduce((sum, token) => sum + token.logprob!, 0) / sampled.length,
      10,
    )
    expect(tokensPerSecond(path)).toBeCloseTo(
      ((path.tokens.length - 3) * 1000) / (path.lastTokenAt! - path.firstTokenAt!),
      10,
    )
    const one = foldRun([runStarted('r'), pathStarted(0, 'p1')])
    expect([meanLogprob(one.paths[0]!), tokensPerSecond(one.paths[0]!)]).toEqual([null, null])
  })

  it('has each state of a path', () => {
    const started: RunEvent[] = [runStarted('r'), pathStarted(1, 'p1')]
    const status = (...events: RunEvent[]) => foldRun([...started, ...events]).paths[0]!.status
    const tokens: RunEvent = { type: 'tokens', at: 2, segment: 'p1', tokens: tokensOf('ab') }
    const end = (reason: 'finished'): RunEvent => ({
      type: 'segment-ended',
      at: 3,
      segment: 'p1',
      reason,
      answer: null,
    })
    expect(status()).toBe('waiting')
    expect(status(tokens)).toBe('thinking')
    const reasons = {
      finished: 'done',
      budget: 'truncated',
      overflow: 'truncated',
      stopped: 'stopped',
      cut: 'stopped',
      cancelled: 'stopped',
      failed: 'failed',
      dropped: 'dropped',
    }
    for (const [reason, wanted] of Object.entries(reasons))
      expect(status(tokens, end(reason as 'finished'))).toBe(wanted)
    expect(
      status(tokens, end('finished'), {
        type: 'segment-extended',
        at: 4,
        segment: 'p1',
        budget: 99,
      }),
    ).toBe('waiting')
    expect(foldRun([...started, tokens], { live: false }).paths[0]!.status).toBe('interrupted')
    expect(status(tokens, { type: 'run-failed', at: 9, error: { code: 'io', message: 'x' } })).toBe(
      'interrupted',
    )
  })

  it('takes a dropped path back as it had ended, or to think on', () => {
    const started: RunEvent[] = [
      runStarted('r'),
      pathStarted(1, 'p1'),
      { type: 'tokens', at: 2, segment: 'p1', tokens: tokensOf('ab') },
    ]
    const answer = { text: 'b', span: [1, 2] as [number, number], kind: 'boxed' as const }
    const ended: RunEvent = {
      type: 'segment-ended',
      at: 3,
      segment: 'p1',
      reason: 'budget',
      answer,
    }
    const dropped: RunEvent = { type: 'segment-dropped', at: 4, segment: 'p1' }
    const path = (...events: RunEvent[]) => foldRun([...started, ...events]).paths[0]
    expect(path(ended, dropped)).toMatchObject({
      reason: 'dropped',
      droppedAfter: 'budget',
      answer,
    })
    expect(path(ended, dropped, dropped)).toMatchObject({ droppedAfter: 'budget' })
    expect(path(dropped)).toMatchObject({ reason: 'dropped', droppedAfter: null, answer: null })
    expect(path(ended, dropped, { ...ended, at: 5 })).toMatchObject({
      status: 'truncated',
      reason: 'budget',
      droppedAfter: null,
      answer,
      text: 'ab',
    })
    const extended: RunEvent = { type: 'segment-extended', at: 5, segment: 'p1', budget: 20 }
    expect(path(dropped, extended)).toMatchObject({ status: 'waiting', reason: null, text: 'ab' })
  })

  it('is interrupted only where it had not ended', () => {
    const events = sampleRun('r')
    for (let n = 1; n <= events.length; n++) {
      const { status } = foldRun(events.slice(0, n), { live: false })
      expect(status).toBe(events[n - 1]!.type === 'run-ended' ? 'ended' : 'interrupted')
    }
    expect(foldRun([], { live: false }).status).toBe('empty')
  })

  it('goes on after an end when a path is extended, and ends again', () => {
    const events: RunEvent[] = [
      ...sampleRun('r'),
      { type: 'segment-extended', at: 3000, segment: 'p1', budget: 80 },
    ]
    expect(foldRun(events)).toMatchObject({ status: 'running', endReason: null })
    expect(foldRun([...events, ended(3001, 'x')])).toMatchObject({ status: 'ended', answer: 'x' })
  })

  it('goes on from the command that resumes it, before anything is opened', () => {
    const resumed: RunEvent = { type: 'run-resumed', at: 90_000 }
    const after = foldRun([...sampleRun('r'), resumed])
    expect(after).toMatchObject({ status: 'running', endReason: null, since: 90_000 })
    expect(foldRun([...sampleRun('r'), resumed], { live: false }).status).toBe('interrupted')
    // What an interrupted run was doing is over, and the time since does not count.
    const cut = [runStarted('r'), pathStarted(1, 'p1')]
    const whole = foldRun([...cut, resumed])
    expect(whole).toEqual(applyEvents(foldRun(cut, { live: false }), [resumed]))
    expect(whole).toMatchObject({ status: 'running', paths: [{ status: 'interrupted' }], ranMs: 1 })
  })

  it('is at work while it is queued or running', () => {
    const states = [EMPTY_RUN, foldRun([runStarted('r')]), foldRun(sampleRun('r'))]
    expect(states.map(isAtWork)).toEqual([true, true, false])
    const all: RunStatus[] = ['queued', 'running', 'ended', 'failed', 'interrupted', 'damaged']
    expect(all.filter((status) => isAtWork({ status }))).toEqual(['queued', 'running'])
  })

  it('counts the time it ran, not what passed between an end and a command', () => {
    const extended: RunEvent = { type: 'segment-extended', at: 90_000, segment: 'p1', budget: 80 }
    const end = {
      ...(ended(95_000, 'x') as EventOf<'run-ended'>),
      timings: { loadMs: 0, prefillMs: 0, pathsMs: 0, joinMs: 0, summaryMs: 0, totalMs: 7000 },
    }
    const before = foldRun(sampleRun('r'))
    const ran = (...events: RunEvent[]) => {
      const state = applyEvents(before, events)
      expect(digestOf(state, true).durationMs).toBe(ranUntil(state, state.at))
      return ranUntil(state, state.at) - before.ranMs
    }
    expect(before.ranMs).toBe(before.timings!.totalMs)
    expect(ran(extended)).toBe(0)
    expect(
      ran(extended, { type: 'tokens', at: 92_000, segment: 'p1', tokens: tokensOf('x') }),
    ).toBe(2000)
    expect(
      ran(
        extended,
        { type: 'run-failed', at: 93_000, error: { code: 'io', message: 'x' } },
        { type: 'notice', at: 99_000, code: 'x' },
      ),
    ).toBe(3000)
    expect(ran(extended, end)).toBe(7000 - before.ranMs)
    expect(
      foldRun(
        [
          ...sampleRun('r'),
          extended,
          { type: 'tokens', at: 92_000, segment: 'p1', tokens: tokensOf('x') },
        ],
        { live: false },
      ).ranMs,
    ).toBe(before.ranMs + 2000)
  })

  it('reads from a source what a segment reads, and how; judges and probes have a list of their own', () => {
    const state = foldRun([
      runStarted('r'),
      pathStarted(1, 'p1'),
      pathStarted(1, 'p2', { forced: [7], source: { type: 'branch', of: 'p1', at: 0 } }),
      summaryStarted(2, 's1', [], { source: { type: 'merge', of: ['p1', 'p2'] } }),
      summaryStarted(2, 's2', ['p2', 'p2', 'p1']),
      summaryStarted(2, 's3', [], {
        source: {
          type: 'text',
          parts: [{ tokens: [1] }, { tokens: [], of: 's1', removed: 4 }, { tokens: [2] }],
        },
      }),
      pathStarted(3, 'j1', { role: 'judge', source: { type: 'text', parts: [] } }),
      pathStarted(3, 'q1', { role: 'probe', source: { type: 'branch', of: 'p2', at: 0 } }),
      { type: 'tokens', at: 4, segment: 'q1', tokens: [{ text: 'a', logprob: -1, entropy: 1 }] },
      { type: 'question', at: 5, kind: 'code' },
    ])
    expect(state.summaries.map(({ reads, fusion, cuts }) => [reads, fusion, cuts])).toEqual([
      [['p1', 'p2'], null, []],
      [['p2', 'p1'], 'cache', []],
      [['s1'], 'reread', [{ segment: 's1', removed: 4 }]],
    ])
    expect(state.paths[1]).toMatchObject({ forced: [7], parent: { segment: 'p1', at: 0 } })
    expect(state.others.map(({ segment, role, text }) => [segment, role, text])).toEqual([
      ['j1', 'judge', ''],
      ['q1', 'probe', 'a'],
    ])
    expect(state.question).toBe('code')
  })

  it('takes the answer of a vote that was overridden by hand', () => {
    const vote: RunEvent = {
      type: 'vote',
      at: 3000,
      rule: 'text',
      over: 'paths',
      classes: [
        { answer: 'a', members: ['p1'] },
        { answer: 'b', members: ['p2'] },
      ],
      winner: 1,
      tie: false,
      chosen: 'p2',
    }
    expect(foldRun([...sampleRun('r'), vote])).toMatchObject({
      status: 'ended',
      answer: 'b',
      votes: [{ chosen: 'p2' }],
    })
  })

  it('bears events of paths that never began and events it does not know', () => {
    const events = [
      runStarted('r'),
      { type: 'tokens', at: 1, segment: 'p9', tokens: tokensOf('x') },
      { type: 'segment-ended', at: 2, segment: 'p9999999', reason: 'finished', answer: null },
      { type: 'from-the-future', at: 3 },
    ] as RunEvent[]
    expect(foldRun(events)).toMatchObject({ status: 'running', paths: [], events: 4, at: 3 })
  })
})

describe('applyEvent', () => {
  it('gives the same state as foldRun after every event, from any split', () => {
    const events = sampleRun('r')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: events.length }), (cut) => {
        let state = foldRun(events.slice(0, cut))
        for (const event of events.slice(cut)) state = applyEvent(state, event)
        expect(plain(state)).toEqual(plain(foldRun(events)))
      }),
      { numRuns: 30 },
    )
  })

  it('applyEvents gives the same in any pieces, also for events in an order that no run has', () => {
    const events = [
      ...sampleRun('r'),
      { type: 'tokens', at: 9999, segment: 'p7', tokens: tokensOf('x') } as RunEvent,
      { type: 'tokens', at: 1, segment: 'p1', tokens: [] } as RunEvent,
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray(events), fc.array(fc.nat(events.length)), (some, cuts) => {
        const stepwise = some.reduce(applyEvent, EMPTY_RUN)
        let pieces = EMPTY_RUN
        let from = 0
        for (const cut of [...cuts.sort((a, b) => a - b), some.length]) {
          pieces = applyEvents(pieces, some.slice(from, Math.max(from, cut)))
          from = Math.max(from, cut)
        }
        expect(plain(pieces)).toEqual(plain(stepwise))
      }),
      { numRuns: 300 },
    )
    expect(plain(applyEvents(EMPTY_RUN, events))).toEqual(
      plain(events.reduce(applyEvent, EMPTY_RUN)),
    )
  })

  it('changes no earlier state: each one is what a fold of its own events gives', () => {
    const events = sampleRun('r')
    const states = [EMPTY_RUN]
    for (const event of events) states.push(applyEvent(states.at(-1)!, event))
    for (const [n, state] of states.entries())
      expect(plain(state)).toEqual(plain(foldRun(events.slice(0, n))))
  })

  it('goes two ways from one state', () => {
    const base = foldRun([
      runStarted('r'),
      pathStarted(0, 'p1'),
      { type: 'tokens', at: 1, segment: 'p1', tokens: tokensOf('abc') },
    ])
    const add = (text: string) =>
      applyEvent(base, { type: 'tokens', at: 2, segment: 'p1', tokens: tokensOf(text) }).paths[0]!
    const [left, right] = [add('left'), add('right')]
    expect([left.text, right.text, base.paths[0]!.text]).toEqual(['abcleft', 'abcright', 'abc'])
    expect([...left.tokens].map((token) => token.text).join('')).toBe('abcleft')
    expect([...right.tokens].map((token) => token.text).join('')).toBe('abcright')
  })

  it('keeps the identity of everything an event does not speak of', () => {
    const before = foldRun(sampleRun('r'))
    const after = applyEvent(before, {
      type: 'tokens',
      at: 3000,
      segment: 'p1',
      tokens: tokensOf('x'),
    })
    expect(segmentOf(after, 'p1')).not.toBe(segmentOf(before, 'p1'))
    for (const path of ['p2', 'p3']) expect(segmentOf(after, path)).toBe(segmentOf(before, path))
    for (const key of [
      'summaries',
      'votes',
      'notices',
      'settings',
      'model',
      'promptTokens',
    ] as const)
      expect(after[key]).toBe(before[key])
    expect(
      segmentOf(
        applyEvent(before, {
          type: 'tokens',
          at: 3000,
          segment: 's2',
          tokens: tokensOf('x'),
        }),
        's1',
      ),
    ).toBe(segmentOf(before, 's1'))
    expect(interrupt(before)).toBe(before)
  })

  it('takes 200,000 batches of one token in linear time', () => {
    const events: RunEvent[] = [runStarted('r')]
    for (let path = 1; path <= 16; path++)
      events.push(pathStarted(0, `p${path}`, { thought: path }))
    const token = { id: 1, text: ' word', logprob: -0.5, entropy: 1 }
    for (let i = 0; i < 200_000; i++)
      events.push({ type: 'tokens', at: i, segment: `p${1 + (i % 16)}`, tokens: [token] })
    const time = (n: number) => {
      // Processor time of this process: elapsed time also measures other users of the machine.
      const start = process.cpuUsage()
      const { paths } = events.slice(0, n).reduce(applyEvent, EMPTY_RUN)
      expect(paths[0]!.text.length).toBe(5 * paths[0]!.tokens.length)
      return process.cpuUsage(start).user
    }
    time(50_000)
    const [short, long] = [
      Math.min(time(50_000), time(50_000), time(50_000)),
      Math.min(time(200_000), time(200_000)),
    ]
    // Four times the events: quadratic growth would be 16 times.
    expect(long / short).toBeLessThan(9)
  })
})
