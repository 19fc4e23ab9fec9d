import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import { exportRuns, fileNameOf } from '../../../engine/transcripts/export/export.ts'
import { importRuns } from '../../../engine/transcripts/export/json.ts'
import { pathStarted, runStarted } from '../../support/sample-run.ts'
import { store, write } from '../support.ts'

/** A run whose programs were compared: the second one agrees with the third. */
function programs(chosen?: 'p1'): RunEvent[] {
  const said = [
    'def f(a):\n    return a',
    'def f(b):\n    return b + 1',
    'def f(c):\n    return 1 + c',
  ]
  return [
    runStarted('r1', 'Write f.', { question: 'code' }),
    ...said.flatMap((source, i): RunEvent[] => {
      const segment = `p${i + 1}`
      const text = `\`\`\`python\n${source}\n\`\`\``
      return [
        pathStarted(1, segment),
        { type: 'tokens', at: 2, segment, tokens: [{ text, logprob: -1, entropy: null }] },
        { type: 'segment-ended', at: 3, segment, reason: 'finished', answer: null },
      ]
    }),
    {
      type: 'agreement',
      at: 4,
      of: ['p1', 'p2', 'p3'],
      function: 'f',
      calls: [
        {
          text: 'f("<b>|</b>")',
          from: 'question',
          expected: '2',
          outcomes: [{ value: "'<i>'" }, { error: 'TypeError: no' }],
          cells: [0, 1, 1],
        },
        {
          text: 'f(1)',
          from: 'probe',
          outcomes: [{ value: '1' }, { value: '2' }],
          cells: [0, 1, 1],
        },
      ],
      programs: said.map((source, i) => ({
        language: 'python',
        source,
        abstained: null,
        score: -1,
        agreement: Math.min(i, 1),
        ran: 2 - Math.min(i, 1),
        missed: 1,
      })),
      winner: 1,
      why: null,
      ...(chosen !== undefined && { chosen }),
    },
    {
      type: 'run-ended',
      at: 5,
      reason: 'finished',
      answer: 'def f',
      usage: {
        promptTokens: 1,
        pathTokens: 3,
        summaryTokens: 0,
        probeTokens: 9,
        kvBytes: 0,
        cells: 0,
      },
      timings: {
        loadMs: 0,
        prefillMs: 0,
        pathsMs: 0,
        joinMs: 0,
        summaryMs: 0,
        totalMs: 0,
        programsMs: 12,
      },
    },
  ]
}

it('a path that was continued in the middle of a word is one text in Markdown and HTML', () => {
  const tokens = (at: number, text: string): RunEvent => ({
    type: 'tokens',
    at,
    segment: 'p1',
    tokens: [{ text, logprob: -1, entropy: null }],
  })
  write('r1', [
    runStarted('r1', 'How?', { question: 'text' }),
    pathStarted(1, 'p1'),
    tokens(2, 'We take the problem step'),
    { type: 'segment-ended', at: 3, segment: 'p1', reason: 'budget', answer: null },
    { type: 'segment-extended', at: 4, segment: 'p1', budget: 90 },
    tokens(5, '-by-step.'),
  ])
  for (const format of ['md', 'html'] as const)
    expect(exportRuns(store, ['r1'], format).content).toContain('problem step-by-step.')
})

describe('programs that were compared', () => {
  it('are in every format, with what they returned and which one is the answer', () => {
    write('r1', programs())
    const md = exportRuns(store, ['r1'], 'md').content
    expect(md).toContain('2 of 3 programs return the same for 1 of 2 calls.')
    expect(md).toContain('The answer is path 2, which agrees most.')
    expect(md).toContain('| `f(1)` |  | `1` | `2` | `2` |')
    expect(md).toMatch(/## Answer\n\n`Path 2, finished[^`]*`\n\n```python\ndef f\(b\)/)
    const html = exportRuns(store, ['r1'], 'html').content
    expect(html).toContain('<td>f(&quot;&lt;b&gt;|&lt;/b&gt;&quot;)</td><td>2</td>')
    expect(html).toContain('<td>(TypeError: no)</td>')
    const { result } = JSON.parse(exportRuns(store, ['r1'], 'json').content)
    expect(result.program).toEqual({
      segment: 'p2',
      language: 'python',
      source: 'def f(b):\n    return b + 1',
    })
    expect(result.agreement.calls).toHaveLength(2)
  })

  it('say if no two agree', () => {
    const alone = programs().map((event): RunEvent => {
      if (event.type !== 'agreement') return event
      const [, { text, from }] = event.calls as [unknown, (typeof event.calls)[number]]
      const outcomes = ['1', '2', '3'].map((value) => ({ value }))
      return {
        ...event,
        calls: [{ text, from, outcomes, cells: [0, 1, 2] }],
        programs: event.programs.map((one) => ({ ...one, agreement: 0, ran: 1, missed: 0 })),
      }
    })
    write('r1', alone)
    const md = exportRuns(store, ['r1'], 'md').content
    expect(md).toContain('No two of 3 programs return the same for any of 1 calls.')
    expect(md).toContain('The answer is path 2, which agrees with no other, as none does.')
  })

  it('say if the user chose one, and open again', () => {
    write('r1', programs('p1'))
    expect(exportRuns(store, ['r1'], 'md').content).toContain(
      'The answer is path 1, chosen by hand.',
    )
    const [copy] = importRuns(store, exportRuns(store, ['r1'], 'json').content)
    expect(store.events(copy!).slice(1)).toEqual(programs('p1').slice(1))
  })
})

describe('the name of the file', () => {
  const run = '20260102-030405-abcdef'
  it.each([
    ['What is 2 + 2?', 'What-is-2-+-2-20260102'],
    ['../../etc/passwd', 'etc-passwd-20260102'],
    ['CON', 'CON-20260102'],
    ['  .hidden. ', 'hidden-20260102'],
    ['a\u202eb\0c\ud800d', 'a-b-c-d-20260102'],
    ['二加二等于几？', '二加二等于几？-20260102'],
    ['x'.repeat(300), `${'x'.repeat(60)}-20260102`],
    ['???', `braid-${run}`],
  ])('%j', (title, name) => expect(fileNameOf({ title, run })).toBe(name))
})
