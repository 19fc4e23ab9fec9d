import fc from 'fast-check'
import { unified } from 'unified'
import remarkGfm from 'remark-gfm'
import remarkParse from 'remark-parse'
import { describe, expect, it } from 'vitest'
import type { Answer, RunEvent } from '../../../engine/protocol/events.ts'
import { exportRuns } from '../../../engine/transcripts/export/export.ts'
import { code, table } from '../../../engine/transcripts/export/markdown.ts'
import { MarkdownWriter } from '../../../engine/transcripts/export/text-markdown.ts'
import { pathStarted, runStarted, sampleRun, summaryStarted } from '../../support/sample-run.ts'
import { store, write } from '../support.ts'
import { PARTS } from './parts.ts'

describe('Markdown', () => {
  it('holds the whole run', () => {
    write('r1')
    const { content } = exportRuns(store, ['r1'], 'md')
    for (const part of PARTS) expect(content).toContain(part)
  })

  it('holds segments of every role, a model on a server, and what was asked of a summary', () => {
    const start = runStarted('r1', 'p', { instruction: 'Be brief.', question: 'text' })
    const address = { server: 'http://127.0.0.1:8080', name: 'm' }
    const model = { address, name: 'Remote', nativePaths: 0, thoughtRows: 0 }
    const source = { type: 'merge' as const, of: ['p1', 's1'] }
    write('r1', [
      { ...start, model, promptTokens: undefined } as RunEvent,
      pathStarted(1, 'p1'),
      summaryStarted(2, 's1', [], { source }),
      pathStarted(3, 'j1', { role: 'judge', source: { type: 'prompt' } }),
      {
        type: 'tokens',
        at: 4,
        segment: 'j1',
        tokens: [{ text: 'A', logprob: null, entropy: null }],
      },
      {
        type: 'run-failed',
        at: 5,
        error: { code: 'no-such-path', detail: 'no-such-path/missing', params: { path: 9 } },
      },
    ])
    for (const format of ['md', 'html'] as const) {
      const { content } = exportRuns(store, ['r1'], format)
      for (const part of [
        'Summary 1: of path 1, summary 1',
        'Judge 1',
        'http://127.0.0.1:8080, m',
        'Be brief.',
        'Path 9 does not exist. (no-such-path)',
      ])
        expect(content).toContain(part)
    }
  })

  it('shows what judges prefer and why, whatever kind of question it is', () => {
    const token = (text: string) => [{ text, logprob: null, entropy: null }]
    const told = (segment: string, at: number, text: string, answer: Answer | null): RunEvent[] => [
      { type: 'tokens', at, segment, tokens: token(text) },
      { type: 'segment-ended', at, segment, reason: 'finished', answer },
    ]
    const judge = (segment: string, at: number, first: string, second: string): RunEvent =>
      summaryStarted(at, segment, [first, second], { role: 'judge', group: 1 })
    write('r1', [
      runStarted('r1', 'Which?', { strategy: 'tournament', question: 'text', judgements: 1 }),
      pathStarted(1, 'p1'),
      pathStarted(1, 'p2', { group: 2 }),
      ...told('p1', 2, 'By train.', null),
      ...told('p2', 2, 'By sea.', null),
      judge('j1', 3, 'p1', 'p2'),
      judge('j2', 3, 'p2', 'p1'),
      ...told('j1', 4, 'Quieter. Better: 2', { text: 'p2', span: [9, 18], kind: 'verdict' }),
      ...told('j2', 4, 'No idea.', null),
      {
        type: 'vote',
        at: 5,
        rule: 'equality',
        over: 'judges',
        classes: [
          { answer: null, members: ['p2'], weight: 1 },
          { answer: null, members: ['p1'], weight: 0 },
        ],
        winner: 0,
        tie: false,
      },
      { ...sampleRun('r1').at(-1)!, at: 6, answer: 'By sea.' } as RunEvent,
    ])
    for (const format of ['md', 'html'] as const) {
      const { content } = exportRuns(store, ['r1'], format)
      for (const part of [
        'What the judges prefer',
        'winner: 1 point: path 2',
        'Judge 1, round 1: of paths 1, 2, by cache',
        'prefers path 2',
        'prefers neither',
        'Quieter.',
      ])
        expect(content).toContain(part)
      expect(content.match(/By sea\./g)).toHaveLength(1)
      expect(content).not.toContain('(verdict)')
    }
  })

  it('shows no values where the question has none: the summary is the answer, and stands once', () => {
    const events = sampleRun('r1').map((event) =>
      event.type === 'run-started'
        ? { ...event, settings: { ...event.settings, question: 'auto' as const } }
        : event,
    )
    const end = events.pop()!
    write('r1', [
      ...events,
      { type: 'question', at: end.at, kind: 'text' },
      { ...end, answer: '4 again' } as RunEvent,
    ])
    for (const format of ['md', 'html'] as const) {
      const { content } = exportRuns(store, ['r1'], format)
      expect(content).not.toMatch(/winner|Vote over|\(boxed\)|\(last-number\)/)
      expect(content.match(/Summary 2: of/g)).toHaveLength(1)
      expect(content.indexOf('Summary 2: of')).toBeLessThan(content.indexOf('Summary 1: of'))
      expect(content).toContain('kind of question')
    }
  })

  it('compares several runs', () => {
    write('r1')
    write('r2')
    const { content, fileName } = exportRuns(store, ['r1', 'r2'], 'md')
    expect(fileName).toBe('braid-2-runs.md')
    expect(content).toContain('| run | model |')
    expect(content.match(/^# Run /gm)).toHaveLength(2)
  })

  const parse = (markdown: string) =>
    unified().use(remarkParse).use(remarkGfm).parse(markdown).children
  const hostile = fc
    .array(
      fc.constantFrom(
        '`',
        '```',
        '````',
        '~~~',
        '\n',
        '\r',
        '\r\n',
        ' ',
        '    ',
        'x',
        '|',
        '\\',
        '<b>',
        '# ',
        '> ',
        '- ',
        '$$',
        '\0',
        '\u2028',
        '\t',
        '[a](b)',
        '[a]: b',
        '[^1]',
        '*',
        '$',
        '\\[',
        '\\]',
        '![](c)',
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(''))

  const textMarkdown = (text: string) => new MarkdownWriter().text(text)

  /** The text that a reader of GitHub's Markdown sees, without white space, and the types of its nodes. */
  const seen = (nodes: unknown[]) => {
    const types = new Set<string>()
    const walk = (node: {
      type: string
      value?: string
      depth?: number
      children?: []
    }): string => {
      types.add(node.type)
      if (node.type === 'heading') expect(node.depth).toBeGreaterThan(2)
      return node.value ?? (node.children ?? []).map(walk).join('')
    }
    const text = nodes.map((node) => walk(node as never)).join('')
    return { text: text.replace(/\s/g, ''), types }
  }

  it('no text breaks out of its place, and none has HTML, definitions or pictures', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const nodes = parse(`before\n\n${textMarkdown(text)}\n\nafter`)
        expect(nodes[0]).toMatchObject({ type: 'paragraph', children: [{ value: 'before' }] })
        expect(nodes.at(-1)).toMatchObject({ type: 'paragraph', children: [{ value: 'after' }] })
        const { types } = seen(nodes)
        for (const type of ['html', 'definition', 'footnoteDefinition', 'image'])
          expect(types).not.toContain(type)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    'A pen costs $5 and a pad costs $10, or US$5.',
    '2*3*4 and 2 * 3, x**2 + y**2',
    'a_b_c, __init__, $HOME:$PATH',
    '`\\(x\\)` and <b>HTML</b> & more',
    '[1]: https://example.org',
    'see[^1]\n\n[^1]: a note',
    '[0, 1) and [a] and \\[ half',
    '~$5, ~$6~',
  ])('other readers see %j as it is written', (text) => {
    const { text: found, types } = seen(parse(textMarkdown(text)))
    expect(found).toBe(text.replaceAll('`', '').replace(/\s/g, ''))
    expect([...types].filter((type) => /emphasis|strong|delete|footnote/.test(type))).toEqual([])
  })

  it('is Markdown: tables, lists, code and formulas', () => {
    expect(textMarkdown('| a | b |\n|---|:-:|\n| $5 | $x$ |')).toBe(
      '| a | b |\n| - | :-: |\n| $5 | $x$ |',
    )
    expect(textMarkdown('1. a\n   - [x] b\n\n2. c')).toBe('1. a\n   - [x] b\n\n2. c')
    expect(textMarkdown('```py\n\\(x\\) $5')).toBe('```py\n\\(x\\) $5\n```')
    expect(textMarkdown('So \\(x\\):\n\\[\ny\n+ z\n\\]')).toBe('So $x$:\n\n$$\ny\n{}+ z\n$$')
    expect(textMarkdown('\\[\n-x\n= y\n==\n\\]')).toBe('$$\n{}-x\n= y\n{}==\n$$')
    expect(textMarkdown('# Head\n**重点：**内容\none\ntwo')).toBe(
      '### Head\n\n**重点：**&#x5185;容  \none  \ntwo',
    )
    expect(textMarkdown('[x](javascript:1) ![a](https://e.org/x.png)')).toBe(
      'x [\\[a\\]](https://e.org/x.png)',
    )
    expect(
      ['\\$10', '\\frac{1}{2}', 'a_b_c', '2*3*4'].map((answer) =>
        new MarkdownWriter().answer(answer),
      ),
    ).toEqual(['$10', '$\\frac{1}{2}$', 'a_b_c', '2\\*3\\*4'])
  })

  it('no text breaks out of its code span, in a list or a table cell', () => {
    const only = (nodes: unknown): string[] => {
      const found: string[] = []
      const walk = (node: { type: string; children?: unknown[] }): void => {
        found.push(node.type)
        for (const child of node.children ?? []) walk(child as never)
      }
      walk({ type: 'root', children: nodes as unknown[] })
      return [...new Set(found)].filter(
        (type) =>
          ![
            'root',
            'list',
            'listItem',
            'paragraph',
            'inlineCode',
            'table',
            'tableRow',
            'tableCell',
            'text',
          ].includes(type),
      )
    }
    fc.assert(
      fc.property(hostile, (text) => {
        expect(only(parse(`- ${code(text)}`))).toEqual([])
        const cells = parse(table(['a', 'b'], [[text, 'end']]))
        expect(only(cells)).toEqual([])
        expect(cells).toHaveLength(1)
        const row = (cells[0] as { children: { children: unknown[] }[] }).children[1]!
        expect(row.children).toHaveLength(2)
      }),
      { numRuns: 2000 },
    )
  })
})
