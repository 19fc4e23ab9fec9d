import { describe, expect, it } from 'vitest'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { type Simulator } from './simulator.ts'
import { begin, finish } from './small-runs.ts'

const opened = ({ state }: Simulator) =>
  state.summaries.map(({ segment, group, reads }) => [segment, group, reads])

describe('programs that agree', () => {
  const CODE = '```python\ndef f(a):\n    return a + 1\n```\n'
  const code = (asked: RunRequest['settings'], trained: boolean) =>
    begin({ question: 'code', finish: 'last', ...asked }, trained)
  const others = (run: Simulator) => run.state.others.map(({ segment }) => segment)

  it('are asked for a probe, then compared; a model without training writes no summary', () => {
    for (const strategy of ['parallel', 'majority', 'parallel-majority'] as const) {
      const run = code({ strategy }, false)
      const paths = run.open
      finish(run, ...paths.slice(1))
      expect(run.ask()).toEqual([])
      finish(run, paths[0]!)
      expect([opened(run), others(run)]).toEqual([[], ['q1']])
      expect(run.ask()).toEqual([])
      finish(run, 'q1')
      expect(run.comparing).toEqual({ type: 'compare', of: paths, probe: 'q1', calls: [] })
      expect(run.ask()).toEqual([])
      run.compared(1)
      expect([run.finished, opened(run), run.state.notices]).toEqual([true, [], []])
    }
  })

  it('that nobody wins leave the summaries to be written', () => {
    for (const strategy of ['parallel', 'parallel-majority'] as const) {
      const run = code({ strategy }, false)
      finish(run, ...run.open)
      finish(run, 'q1')
      run.compared(null)
      expect(run.finished).toBe(false)
      expect(opened(run)).toHaveLength(strategy === 'parallel' ? 1 : 2)
      finish(run, ...run.open)
      expect([run.finished, others(run)]).toEqual([true, ['q1']])
    }
  })

  it('of a trained model come after its summaries, which are compared too', () => {
    const one = code({ strategy: 'parallel' }, true)
    finish(one, ...one.open)
    expect(opened(one)).toHaveLength(1)
    finish(one, 's1')
    finish(one, 'q1')
    expect(one.comparing!.of).toEqual(['p1', 'p2', 'p3', 's1'])
    const several = code({ strategy: 'majority' }, true)
    finish(several, ...several.open)
    finish(several, ...several.open)
    finish(several, 'q1')
    expect(several.comparing!.of).toEqual(['s1', 's2', 's3'])
  })

  it('are not compared where that is off, for one path, or for other kinds', () => {
    for (const [asked, summaries] of [
      [{ runPrograms: false }, 1],
      [{ strategy: 'sequential' }, 0],
      [{ question: 'text' }, 1],
      [{ paths: 1 }, 1],
    ] as const) {
      const run = code(asked, false)
      finish(run, ...run.open)
      expect([opened(run).length, others(run)]).toEqual([summaries, []])
    }
  })

  it('are recognised by the texts, and asked for by the rule', () => {
    const decided = (text: string, asked: RunRequest['settings'] = {}) => {
      const run = begin({ finish: 'last', ...asked }, false)
      for (const segment of run.open) {
        run.emit({
          type: 'tokens',
          segment,
          tokens: [{ text, logprob: null, entropy: null }],
        })
        run.end(segment, 'finished')
      }
      run.advance()
      return others(run).length
    }
    expect([decided(CODE), decided('So it is.'), decided('So.', { vote: 'behaviour' })]).toEqual([
      1, 0, 1,
    ])
  })

  it('are not compared after a summary that the user asked for', () => {
    const run = code({}, false)
    for (const segment of run.open) run.token(segment)
    run.command({ type: 'summarise' })
    run.advance()
    finish(run, 's1')
    expect([run.finished, others(run)]).toEqual([true, []])
  })

  it('are compared again, without a probe, once there are others', () => {
    const run = code({}, false)
    finish(run, ...run.open)
    finish(run, 'q1')
    run.compared(0)
    run.later = true
    run.command({ type: 'branch', segment: 'p1', at: 1 })
    finish(run, 'p4')
    expect(run.comparing).toMatchObject({ of: ['p1', 'p2', 'p3', 'p4'], probe: 'q1' })
    run.compared(3)
    expect(run.finished).toBe(true)
    run.command({ type: 'drop', segment: 'p4' })
    run.advance()
    expect(run.comparing).toMatchObject({ of: ['p1', 'p2', 'p3'] })
  })

  it('are compared on calls of the user’s; only code is', () => {
    const run = code({}, false)
    finish(run, ...run.open)
    finish(run, 'q1')
    run.compared(0)
    run.later = true
    const calls = [{ call: 'f(1)', expected: '2' }]
    run.command({ type: 'compare', calls })
    expect(run.comparing).toMatchObject({ of: ['p1', 'p2', 'p3'], probe: 'q1', calls })
    const text = begin({ question: 'text' }, false)
    expect(() => text.command({ type: 'compare', calls })).toThrow(
      expect.objectContaining({ code: 'bad-request' }) as Error,
    )
  })
})
