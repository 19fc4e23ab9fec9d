import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { unified } from 'unified'
import remarkGfm from 'remark-gfm'
import remarkParse from 'remark-parse'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Answer, RunEvent } from '../../engine/protocol/events.ts'
import { exportRuns, fileNameOf } from '../../engine/transcripts/export/export.ts'
import { importRuns } from '../../engine/transcripts/export/json.ts'
import { code, table } from '../../engine/transcripts/export/markdown.ts'
import { HtmlWriter } from '../../engine/transcripts/export/text-html.ts'
import { MarkdownWriter } from '../../engine/transcripts/export/text-markdown.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { pathStarted, runStarted, sampleRun, summaryStarted } from '../support/sample-run.ts'
import { cpuMs } from '../support/time.ts'

let folder: string
let store: RunStore
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-export-'))
  store = new RunStore(folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(run: string, events: RunEvent[] = sampleRun(run)): void {
  const { writer } = store.create(run)
  for (const event of events) writer.append(event)
  store.close(run)
}

/** Everything in a run that a reader of an export looks for. */
const PARTS = [
  'What is 2 + 2?',
  'Two and two make',
  'I count on',
  ' five',
  '4 again',
  'cache',
  'reread',
  'ab'.repeat(32),
  'Tiny',
  'parallel',
  'seed 11',
  'seed 12',
  'Path 2 is too long to be read again in full: 3 tokens',
  'branched from path 1 after 4 tokens',
  'winner of a tie',
  'llama.cpp b1',
]

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

describe('JSON', () => {
  it('opens again as the same run, alternatives, title and tags included', () => {
    write('r1')
    store.update('r1', { title: 'My <run>', tags: ['a', 'b'], starred: true })
    const { content, fileName, mimeType } = exportRuns(store, ['r1'], 'json')
    expect([fileName, mimeType]).toEqual(['My-run-r1.json', 'application/json'])
    const [copy] = importRuns(store, content)
    const [start, ...events] = store.events(copy!)
    const [oldStart, ...oldEvents] = store.events('r1')
    expect(start).toEqual({ ...oldStart, run: copy, importedFrom: 'r1' })
    expect(events).toEqual(oldEvents)
    expect(store.alternatives(copy!, 'p3', 0, 8)).toEqual(store.alternatives('r1', 'p3', 0, 8))
    expect(store.meta(copy!)).toEqual(store.meta('r1'))
    const again = JSON.parse(exportRuns(store, [copy!], 'json').content)
    expect(again.result).toEqual(JSON.parse(content).result)
  })

  it('says the result in plain fields', () => {
    write('r1')
    const value = JSON.parse(exportRuns(store, ['r1'], 'json').content)
    expect(value).toMatchObject({
      format: 'braid-run',
      version: 2,
      run: 'r1',
      result: { status: 'ended', answer: '4 again' },
    })
    expect(value.result.paths.map((path: { text: string }) => path.text)).toHaveLength(3)
    expect(value.result.summaries[1]).toMatchObject({
      segment: 's2',
      role: 'summary',
      group: null,
      reads: ['p1', 'p3'],
      fusion: 'reread',
      cuts: [{ segment: 'p1', removed: 2 }],
      text: '4 again',
    })
    const tokens = value.events
      .filter((event: RunEvent) => event.type === 'tokens')
      .flatMap((event: { tokens: object[] }) => event.tokens)
    expect(tokens.filter((token: object) => 'alternatives' in token).length).toBeGreaterThan(20)
  })

  it('of several runs opens again as several', () => {
    write('r1')
    write('r2', [runStarted('r2', 'Other')])
    const ids = importRuns(store, exportRuns(store, ['r1', 'r2'], 'json').content)
    expect(ids.map((id) => store.summary(id).title)).toEqual(['What is 2 + 2?', 'Other'])
  })

  it('imports a bare transcript, its torn last line dropped', () => {
    const lines = sampleRun('r1')
      .map((event) => JSON.stringify(event))
      .join('\n')
    const [id] = importRuns(store, lines + '\n{"type":"tok')
    expect(store.events(id!)).toHaveLength(sampleRun('r1').length)
  })

  it.each([
    ['', 'empty'],
    [' \n', 'empty'],
    ['{}', 'neither'],
    ['null', 'neither'],
    ['[1]', 'neither'],
    ['not json', 'neither'],
    ['<html>', 'neither'],
    ['{"format":"braid-run","version":3,"events":[{}]}', 'newer'],
    ['{"format":"braid-run","version":2,"events":[]}', 'neither'],
    ['{"format":"braid-run","version":2,"events":[{"type":"notice","at":0,"code":"a"}]}', 'start'],
    ['{"format":"braid-run","version":2,"events":[5]}', 'damaged'],
    ['{"type":"run-started"}', 'damaged'],
    [
      JSON.stringify({
        format: 'braid-run',
        version: 2,
        events: [runStarted('x'), { type: 'tokens', at: 1, segment: 'p0', tokens: [] }],
      }),
      'damaged',
    ],
    [
      JSON.stringify({
        format: 'braid-run',
        version: 2,
        title: 'x'.repeat(501),
        events: [runStarted('x')],
      }),
      'neither',
    ],
  ])('refuses %s and leaves nothing behind', async (content, why) => {
    expect(() => importRuns(store, content)).toThrow(
      expect.objectContaining({ code: 'bad-transcript', message: expect.stringContaining(why) }),
    )
    expect(await store.list()).toEqual([])
  })
})

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

describe('HTML', () => {
  const PAYLOADS = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '"><svg onload=alert(1)>',
    "'onmouseover='alert(1)",
    '</div></section><iframe src=//evil>',
    '<!--',
    '-->',
    ']]>',
    '</title><script>1</script>',
    '</style><script>1</script>',
    '<math><mtext><style><img src=x onerror=1>',
    '<a href="javascript:alert(1)">x</a>',
    '&lt;script&gt;',
    '<base href=//evil>',
    '<meta http-equiv=refresh content=0>',
    '$\\href{javascript:alert(1)}{x}$',
    '\\(\\url{javascript:1}\\)',
    '$\\includegraphics{https://evil/x.png}$',
    '$\\htmlClass{x"onload=1}{y}$',
    '$\\htmlStyle{background:url(//evil)}{x}$',
    '\\[\\text{<img src=x onerror=1>}\\]',
    '$\\unknown{<script>}$',
    '$\\color{red"onload=1}{x}$',
    '$\\htmlData{a=b}{x}$',
    '\\boxed{<script>alert(1)</script>}',
    '$<$',
    '\0\x1b[31m',
    '\ud800<',
    '\u202e',
  ]

  it('holds the whole run, with formulas as MathML', () => {
    write('r1')
    const { content, mimeType } = exportRuns(store, ['r1'], 'html')
    expect(mimeType).toBe('text/html')
    for (const part of PARTS) expect(content).toContain(part)
    expect(content).toContain('<mark><span class="katex"><math')
  })

  it.each(PAYLOADS.map((payload) => [payload]))('is inert: %s', (payload) => {
    write(
      'r1',
      sampleRun('r1', { problem: payload, first: payload, second: payload, summary: payload }),
    )
    const events = [
      ...sampleRun('r2', { problem: payload, first: payload, second: payload, summary: payload }),
    ]
    events.push(
      { type: 'notice', at: 9, code: payload, params: { message: payload } },
      {
        type: 'notice',
        at: 9,
        code: 'template-fallback',
        params: { reason: payload, [payload]: payload },
      },
      { type: 'run-failed', at: 9, error: { code: payload, message: payload } },
    )
    write(
      'r2',
      events.map((event) =>
        event.type === 'run-started'
          ? {
              ...event,
              model: { ...event.model, name: payload, address: { file: payload } },
              settings: { ...event.settings, system: payload },
            }
          : event,
      ),
    )
    store.update('r1', { title: payload })
    expectInert(exportRuns(store, ['r1'], 'html').content)
    expectInert(exportRuns(store, ['r1', 'r2'], 'html').content)
  })

  it('has a policy that forbids everything but its own style', () => {
    write('r1')
    const { content } = exportRuns(store, ['r1'], 'html')
    expect(content).toMatch(
      /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'">/,
    )
    expect(content.indexOf('Content-Security-Policy')).toBeLessThan(content.indexOf('<title>'))
    expect(content).not.toMatch(/https?:\/\/(?!www\.w3\.org\/1998\/Math\/MathML)/)
  })

  it('formats texts as the window does: tables, lists, code with its colours, headings below its own', () => {
    const html = (text: string) => new HtmlWriter().text(text)
    expect(html('| a |\n|---|\n| $5 |')).toContain('<td>$5</td>')
    expect(html('- a\n  - **b**')).toContain('<strong>b</strong>')
    expect(html('# Head')).toBe('<h3>Head</h3>')
    expect(html('```py\nx = "<b>"\n```')).toBe(
      '<div class="code"><div class="code-head">Python</div><pre><code>x = <span class="hljs-string">"&lt;b>"</span></code></pre></div>',
    )
    expect(html('> ```py\n> return 1\n> ```')).toContain('<span class="hljs-keyword">return</span>')
    expect(html('```\nx')).toBe('<div class="code"><pre><code>x</code></pre></div>')
    expect(html('[x](https://e.org/) [y](javascript:1) ![z](https://e.org/z.png)')).toBe(
      '<p><span>x</span><span class="address"> (https://e.org/)</span> <span>y</span> <span>[z]</span><span class="address"> (https://e.org/z.png)</span></p>',
    )
    expect(html('a \\(x<y\\) b & c')).toMatch(/^<p>a <span class="katex"><math.* b &amp; c<\/p>$/)
    expect(new HtmlWriter().answer('\\frac12')).toContain('<math')
    expect(new HtmlWriter().answer('a_b_c \\$10')).toBe('a_b_c $10')
  })

  it('marks the answer, in code too', () => {
    const html = (text: string, answer: string) => {
      const at = text.indexOf(answer)
      return new HtmlWriter().text(text, [at, at + answer.length])
    }
    expect(html('one\n\nit is 42.', '42')).toContain('it is <mark>42</mark>.')
    expect(html('1. a\n\n   so 42', '42')).toContain('so <mark>42</mark>')
    expect(html('```json\n{"answer": 42}\n```', '42')).toContain('<mark>42</mark>')
  })

  it('takes long hostile texts in linear time', () => {
    for (const part of [
      '$',
      '\\[',
      '\\(',
      '\\boxed{',
      '$a',
      '$\\',
      '$$x',
      '\\boxed{}',
      '$x$ ',
      '\\[x\n',
      '$5 ',
      '- ',
      '*a',
      '`',
      '```\n',
      '| ',
      '[',
    ]) {
      const text = part.repeat(Math.ceil(50_000 / part.length))
      expect(
        cpuMs(() => new HtmlWriter().text(text)),
        part,
      ).toBeLessThan(20_000)
    }
  })
})

/** Reads tags: allows only elements that the exporter writes and attributes without effect. */
function expectInert(html: string): void {
  const body = html.slice(html.indexOf('<body>'), html.indexOf('</html>'))
  const tags = [...body.matchAll(/<(\/?)([a-zA-Z!][^\s>/]*)([^>]*)>/g)]
  const elements = new Set([
    'body',
    'html',
    'main',
    'article',
    'section',
    'h1',
    'h2',
    'div',
    'p',
    'b',
    'ul',
    'li',
    'table',
    'tr',
    'th',
    'td',
    'mark',
    'span',
    'h3',
    'pre',
    'code',
    'em',
    'strong',
    'blockquote',
  ])
  const math = new Set([
    'math',
    'semantics',
    'mrow',
    'mi',
    'mo',
    'mn',
    'mtext',
    'msup',
    'msub',
    'mfrac',
    'mstyle',
    'mspace',
    'menclose',
    'annotation',
    'mpadded',
    'mphantom',
  ])
  for (const [all, , name, attributes] of tags) {
    expect(elements.has(name!) || math.has(name!), all).toBe(true)
    for (const [, attribute] of attributes!.matchAll(/\s([^\s="]+)=?/g)) {
      expect(
        [
          'class',
          'dir',
          'xmlns',
          'display',
          'encoding',
          'mathcolor',
          'stretchy',
          'notation',
          'scriptlevel',
          'displaystyle',
          'mathvariant',
          'separator',
          'width',
          'lspace',
          'rspace',
          'fence',
          'linebreak',
        ],
        all,
      ).toContain(attribute)
    }
  }
  const opened = tags.filter(([, close]) => close === '').length
  expect(tags.length - opened, 'every tag is closed').toBe(opened)
  expect(html.match(/<script|<iframe|<img|<svg|<base|<link/gi)).toBeNull()
  expect(html).not.toMatch(/[\0-\x08\x0b\x0c\x0e-\x1f]/)
}

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
