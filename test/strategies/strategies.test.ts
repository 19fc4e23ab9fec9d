import { describe, expect, it } from 'vitest'
import { isOpen, segmentOf } from '../../engine/protocol/fold.ts'
import { STRATEGIES, type RunRequest } from '../../engine/protocol/request.ts'
import { pathId, type SegmentId } from '../../engine/protocol/segments.ts'
import { lastGroups, shapeOf } from '../../engine/protocol/shapes.ts'
import { pathSeed, summarySeed } from '../../engine/strategies/index.ts'
import { Random } from '../support/random.ts'
import { Simulator } from './simulator.ts'
import { begin, finish, small } from './small-runs.ts'

// What a model that forks opens is up to the model: fork-join.test.ts.
const cases = STRATEGIES.filter((strategy) => strategy !== 'fork-join').flatMap((strategy) =>
  [true, false].map((trained) => ({ strategy, trained })),
)

const opened = ({ state }: Simulator) =>
  state.summaries.map(({ segment, group, reads }) => [segment, group, reads])

const code = (code: string) => expect.objectContaining({ code }) as Error

describe.each(cases)('$strategy, trained: $trained', ({ strategy, trained }) => {
  it('opens its paths once, each with the seed of its number', () => {
    const run = begin({ strategy, seed: 5 }, trained)
    const { groups, size } = shapeOf(run.settings, trained)
    expect(run.state.paths.map(({ segment, group, seed }) => [segment, group, seed])).toEqual(
      Array.from({ length: groups * size }, (_, i) => [
        pathId(i + 1),
        Math.floor(i / size) + 1,
        pathSeed(5, i + 1),
      ]),
    )
    expect(run.ask()).toEqual([])
  })

  it('finishes in whatever order segments end; asked twice it changes nothing', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = new Random(seed)
      const finish = (['first', 'half', 'last'] as const)[seed % 3]!
      const run = new Simulator({ ...small, strategy, finish }, trained, random)
      run.advance()
      for (let steps = 0; !run.finished; steps++) {
        expect(steps).toBeLessThan(1000)
        run.step()
        if (!run.finished) expect(run.ask()).toEqual([])
      }
      const shape = shapeOf(run.settings, trained)
      expect(run.open).toEqual([])
      expect(run.state.summaries.map(({ group }) => group).sort()).toEqual(
        shape.summaries ? lastGroups(shape) : [],
      )
      for (const { number, group, seed, reads } of run.state.summaries) {
        expect(number).toBe(shape.rounds > 1 ? 1 : group)
        expect(seed).toEqual(summarySeed(run.settings.seed, number))
        expect(reads).toEqual(
          run.state.paths
            .filter((path) => path.group === group && path.tokens.length > 0)
            .map(({ segment }) => segment),
        )
      }
    }
  })

  it('takes every command at every moment, and finishes after it', () => {
    for (let seed = 0; seed < 150; seed++) {
      const random = new Random(1000 + seed)
      const run = new Simulator({ ...small, strategy }, trained, random)
      run.advance()
      for (let left = random.int(25); left > 0; left--) run.step()
      for (let commands = 0; commands < 4; commands++) {
        const before = run.state
        const command = anyCommand(run, random)
        const late = run.finished
        if (late) run.later = true
        let segment: SegmentId | undefined
        try {
          ;({ segment } = run.command(command))
        } catch (error) {
          expect(error).toMatchObject({
            code: expect.stringMatching(
              /^(no-such-path|not-running|bad-request|out-of-range|too-many-paths)$/,
            ) as string,
          })
          expect(run.state).toBe(before)
          if (late) run.finished = true
          continue
        }
        if (command.type === 'branch') expect(segmentOf(run.state, segment!)).toBeDefined()
        if (command.type === 'summarise') {
          const wanted = [...run.pending, ...run.state.summaries].map((one) => one.segment)
          expect(wanted).toContain(segment)
          expect(run.state.paths.some(isOpen)).toBe(false)
        }
        run.advance()
        for (let left = random.int(25); left > 0; left--) run.step()
      }
      for (let steps = 0; !run.finished; steps++) {
        expect(steps).toBeLessThan(2000)
        run.step()
      }
      expect(run.open).toEqual([])
      expect(run.pending).toEqual([])
    }
  })
})

function anyCommand({ state }: Simulator, random: Random): Parameters<Simulator['command']>[0] {
  const segment = pathId(1 + random.int(state.paths.length + 1))
  switch (random.int(6)) {
    case 0:
      return { type: 'stop', segment }
    case 1:
      return { type: 'drop', segment }
    case 5:
      return { type: 'restore', segment }
    case 2:
      return { type: 'extend', segment, tokens: 1 + random.int(5) }
    case 3:
      return {
        type: 'branch',
        segment,
        at: 1 + random.int(6),
        ...(random.int(2) === 0 && { token: random.int(110) }),
      }
    default:
      return random.int(2) === 0
        ? { type: 'summarise' }
        : { type: 'summarise', segments: [segment, pathId(1 + random.int(state.paths.length))] }
  }
}

describe('groups', () => {
  it('are summarised each for itself, as soon as its own paths have ended', () => {
    const run = begin({ strategy: 'parallel-majority', finish: 'last' })
    finish(run, 'p5', 'p4')
    expect(opened(run)).toEqual([])
    finish(run, 'p6')
    expect(opened(run)).toEqual([['s2', 2, ['p4', 'p5', 'p6']]])
    finish(run, 's2', 'p1', 'p2')
    expect(run.finished).toBe(false)
    finish(run, 'p3')
    expect(opened(run).map(([segment]) => segment)).toEqual(['s1', 's2'])
    expect(run.finished).toBe(false)
    finish(run, 's1')
    expect(run.finished).toBe(true)
  })

  it('are cut when as many paths have ended as the finish rule asks for, and no others are', () => {
    const run = begin({ strategy: 'parallel-majority', paths: 4, finish: 'half' })
    for (const segment of ['p2', 'p6', 'p8']) run.token(segment)
    finish(run, 'p1')
    expect(run.open).toContain('p2')
    // Paths that failed or were stopped do not count; paths that reached their budget do.
    run.end('p4', 'failed')
    run.command({ type: 'stop', segment: 'p3' })
    run.advance()
    expect(run.open).toContain('p2')
    run.end('p2', 'budget')
    run.advance()
    expect(opened(run)).toEqual([['s1', 1, ['p1', 'p2']]])
    expect(run.open).toEqual(['p5', 'p6', 'p7', 'p8', 's1'])
    finish(run, 'p5', 'p7')
    expect(opened(run)[1]).toEqual(['s2', 2, ['p5', 'p6', 'p7', 'p8']])
    expect(segmentOf(run.state, 'p8')!.reason).toBe('cut')
  })

  it('without any text have no summary, which is said', () => {
    for (const [failing, notice] of [
      [['p1', 'p2', 'p3'], { code: 'some-to-summarise', params: { without: 1, groups: 2 } }],
      [['p1', 'p2', 'p3', 'p4', 'p5', 'p6'], { code: 'nothing-to-summarise' }],
    ] as const) {
      const run = begin({ strategy: 'parallel-majority', finish: 'last' })
      for (const segment of failing) run.end(segment, 'failed')
      run.advance()
      finish(run, ...run.open)
      finish(run, ...run.open)
      expect(run.finished).toBe(true)
      expect(run.state.notices).toMatchObject([notice])
    }
  })
})

describe.each(['parallel', 'refine'] as const)('what answers %s', (strategy) => {
  /** Three paths that state these answers, or none. */
  const summaries = (
    asked: RunRequest['settings'],
    { answers = ['4', '7', '4'], trained = false }: { answers?: string[]; trained?: boolean } = {},
  ) => {
    const size = { paths: 3, rounds: 1, reads: 1, finish: 'last' } as const
    const run = begin({ strategy, ...size, ...asked }, trained)
    for (const [i, segment] of (['p1', 'p2', 'p3'] as const).entries()) {
      run.token(segment)
      run.end(segment, 'finished', answers[i])
      run.advance()
    }
    return run.state.summaries.length
  }

  it('a vote over a value that two paths agree on, unless the model is trained for summaries', () => {
    expect(summaries({ question: 'value' })).toBe(0)
    expect(summaries({ question: 'value' }, { trained: true })).toBe(1)
    expect(summaries({ question: 'text' })).toBe(1)
  })

  it('a summary where no two paths agree', () => {
    for (const answers of [['4', '7', '9'], ['4'], []])
      expect(summaries({ question: 'value' }, { answers })).toBe(1)
  })

  it('what the user asks for', () => {
    expect(summaries({ question: 'value', answerBy: 'summary' })).toBe(1)
    expect(summaries({ question: 'value', answerBy: 'vote' }, { answers: ['4', '7'] })).toBe(0)
    expect(summaries({ question: 'text', answerBy: 'vote' })).toBe(0)
  })
})

describe('commands', () => {
  const open = (run: Simulator) => {
    for (const segment of run.open) run.token(segment)
    return run
  }

  it('summarise now: the group’s own summary over the chosen paths; asked again, one more', () => {
    const run = open(begin({ paths: 4, finish: 'last' }))
    expect(run.command({ type: 'summarise', segments: ['p3', 'p1', 'p3'] }).segment).toBe('s1')
    run.advance()
    expect(run.state.paths.map(({ reason }) => reason)).toEqual(['cut', 'cut', 'cut', 'cut'])
    expect(run.command({ type: 'summarise', fusion: 'reread' }).segment).toBe('s2')
    expect(opened(run)).toEqual([
      ['s1', 1, ['p1', 'p3']],
      ['s2', null, ['p1', 'p2', 'p3', 'p4']],
    ])
  })

  it('summarise now in several groups: each its own, or one over chosen paths of all and nothing after it', () => {
    const each = open(begin({ strategy: 'parallel-majority', finish: 'last' }))
    expect(each.command({ type: 'summarise' }).segment).toBe('s1')
    expect(opened(each)).toEqual([
      ['s1', 1, ['p1', 'p2', 'p3']],
      ['s2', 2, ['p4', 'p5', 'p6']],
    ])
    const chosen = open(begin({ strategy: 'parallel-majority', finish: 'last' }))
    expect(chosen.command({ type: 'summarise', segments: ['p2', 'p5'] }).segment).toBe('s3')
    chosen.advance()
    finish(chosen, 's3')
    expect(opened(chosen)).toEqual([['s3', null, ['p2', 'p5']]])
    expect(chosen.finished).toBe(true)
  })

  it('a path that is extended holds its group’s summary back; a summary that waits keeps what it reads', () => {
    const run = begin({ strategy: 'majority', paths: 2, finish: 'last' })
    run.token('p1')
    run.end('p1', 'budget')
    run.command({ type: 'extend', segment: 'p1', tokens: 4 })
    run.advance()
    expect(opened(run)).toEqual([])
    finish(run, 'p1')
    expect(opened(run)).toEqual([['s1', 1, ['p1']]])
  })

  it('a branch joins its parent’s group, with the budget that its parent has', () => {
    const run = open(begin({ strategy: 'parallel-majority', finish: 'last', seed: 3 }))
    const { segment } = run.command({ type: 'branch', segment: 'p5', at: 1, token: 9 })
    expect(segmentOf(run.state, segment!)).toMatchObject({
      segment: 'p7',
      group: 2,
      parent: { segment: 'p5', at: 1 },
      forced: [9],
      budget: 6,
      seed: pathSeed(3, 7),
    })
    finish(run, 'p4', 'p5', 'p6')
    expect(opened(run)).toEqual([])
    finish(run, 'p7')
    expect(opened(run)).toEqual([['s2', 2, ['p4', 'p5', 'p6', 'p7']]])
  })

  it('what a dropped path leaves is summarised without it', () => {
    const run = open(begin({ finish: 'last' }))
    run.command({ type: 'drop', segment: 'p2' })
    finish(run, 'p1', 'p3')
    expect(opened(run)).toEqual([['s1', 1, ['p1', 'p3']]])
  })

  it('a dropped path is taken back: it goes on while others think, else as it had ended', () => {
    const run = open(begin({ finish: 'last' }))
    run.command({ type: 'drop', segment: 'p2' })
    run.command({ type: 'restore', segment: 'p2' })
    expect(run.open).toEqual(['p1', 'p2', 'p3'])
    run.end('p3', 'budget')
    for (const segment of ['p2', 'p3']) run.command({ type: 'drop', segment })
    run.command({ type: 'restore', segment: 'p3' })
    expect(run.state.paths[2]).toMatchObject({ status: 'truncated', reason: 'budget' })
    finish(run, 'p1')
    expect(opened(run)).toEqual([['s1', 1, ['p1', 'p3']]])
    finish(run, 's1')
    run.later = true
    run.command({ type: 'restore', segment: 'p2' })
    expect(run.state.paths[1]).toMatchObject({ status: 'stopped', reason: 'stopped' })
    expect(run.command({ type: 'summarise' }).segment).toBe('s2')
    expect(opened(run)[1]).toEqual(['s2', null, ['p1', 'p2', 'p3']])
  })

  it('after the end nothing opens but what is asked for', () => {
    const run = begin({ strategy: 'parallel-majority', paths: 1, finish: 'last' })
    finish(run, 'p1', 'p2')
    finish(run, 's1', 's2')
    expect(run.finished).toBe(true)
    run.later = true
    expect(run.command({ type: 'branch', segment: 'p1', at: 1 }).segment).toBe('p3')
    run.advance()
    finish(run, 'p3')
    expect([run.finished, run.state.summaries.length]).toEqual([true, 2])
    expect(run.command({ type: 'summarise', segments: ['p3'] }).segment).toBe('s3')
    expect(opened(run)[2]).toEqual(['s3', null, ['p3']])
  })

  it('are refused with a code where they cannot be', () => {
    const run = begin({ paths: 2, finish: 'last' })
    const refused = (command: Parameters<Simulator['command']>[0], wanted: string) =>
      expect(() => run.command(command)).toThrowError(code(wanted))
    refused({ type: 'summarise' }, 'bad-request')
    refused({ type: 'branch', segment: 'p1', at: 1 }, 'out-of-range')
    open(run)
    refused({ type: 'branch', segment: 'p1', at: 1, token: 100 }, 'out-of-range')
    refused({ type: 'stop', segment: 'p9' }, 'no-such-path')
    refused({ type: 'stop', segment: 's1' }, 'no-such-path')
    run.command({ type: 'drop', segment: 'p2' })
    refused({ type: 'drop', segment: 'p2' }, 'no-such-path')
    refused({ type: 'restore', segment: 'p1' }, 'bad-request')
    refused({ type: 'restore', segment: 'p9' }, 'no-such-path')
    finish(run, 'p1')
    refused({ type: 'stop', segment: 'p1' }, 'not-running')
    refused({ type: 'extend', segment: 'p1', tokens: 2 }, 'bad-request')
  })
})
