import { expect, it } from 'vitest'
import { isOpen } from '../../engine/protocol/fold.ts'
import { disagreement, newEngine, rescore, start, tinyFile, type Watched } from './support.ts'

const engine = newEngine()
const endless = tinyFile({ seed: 34, endless: true })

const started = (summary: string) => (event: Watched['events'][number]) =>
  event.type === 'segment-started' && event.segment === summary
const thinking = (_: unknown, { state }: Watched) =>
  state.paths.length === 4 && state.paths.every(({ tokens }) => tokens.length > 5)

it.each(['cache', 'reread'] as const)(
  'a group writes its summary (%s) as soon as its own paths are done, whatever the others do',
  async (fusion) => {
    const run = await start(engine, endless.file, 'the answer', {
      strategy: 'parallel-majority',
      paths: 2,
      runs: 2,
      budget: 8000,
      summaryBudget: 6,
      finish: 'last',
      question: 'value',
      sampling: { temperature: 0 },
      controls: { fusion },
    }).until(thinking)
    const others = () => ['p3', 'p4'].map((path) => isOpen(run.segment(path)))
    await run.handle.command({ type: 'stop', segment: 'p1' })
    await run.until((event) => event.type === 'segment-ended' && event.segment === 'p1')
    expect(run.state.summaries).toEqual([])
    await run.handle.command({ type: 'stop', segment: 'p2' })
    await run.until(started('s1'))
    expect(run.segment('s1')).toMatchObject({ group: 1, reads: ['p1', 'p2'], fusion })
    expect(others()).toEqual([true, true])
    await run.until((event) => event.type === 'segment-ended' && event.segment === 's1')
    expect(others()).toEqual([true, true])
    for (const segment of ['p3', 'p4']) await run.handle.command({ type: 'stop', segment })
    await run.end()
    expect(
      run.state.summaries.map(({ segment, reads, reason }) => [segment, reads, reason]),
    ).toEqual([
      ['s1', ['p1', 'p2'], 'budget'],
      ['s2', ['p3', 'p4'], 'budget'],
    ])
    expect(run.state.votes).toMatchObject([{ over: 'summaries' }])
    const order = run.events.flatMap((event) =>
      event.type === 'segment-started' && event.role === 'summary'
        ? [event.segment]
        : event.type === 'segment-ended' && event.segment.startsWith('p')
          ? [event.segment]
          : [],
    )
    expect(order.slice(0, 3)).toEqual(['p1', 'p2', 's1'])
    if (fusion === 'cache')
      for (const summary of ['s1', 's2'])
        expect(
          disagreement(run, summary, await rescore(engine, endless.file, run, summary)),
        ).toBeLessThan(1e-4)
  },
)
