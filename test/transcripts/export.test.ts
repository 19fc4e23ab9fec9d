import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { unified } from 'unified'
import remarkGfm from 'remark-gfm'
import remarkParse from 'remark-parse'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { exportRuns } from '../../engine/transcripts/export/export.ts'
import { FormulaWriter } from '../../engine/transcripts/export/formulas.ts'
import { importRuns } from '../../engine/transcripts/export/json.ts'
import { code, fence, table } from '../../engine/transcripts/export/markdown.ts'
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

describe('JSON', () => {
  it('opens again as the same run, alternatives, title and tags included', () => {
    write('r1')
    store.update('r1', { title: 'My <run>', tags: ['a', 'b'], starred: true })
    const { content, fileName, mimeType } = exportRuns(store, ['r1'], 'json')
    expect([fileName, mimeType]).toEqual(['braid-r1.json', 'application/json'])
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
        '![](c)',
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(''))

  it('no text breaks out of its block, and none is changed by it', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const nodes = parse(`before\n\n${fence(text)}\n\nafter`)
        expect(nodes.map((node) => node.type)).toEqual(['paragraph', 'code', 'paragraph'])
        const normal = text.replaceAll('\0', '\ufffd').replace(/\r\n?/g, '\n')
        expect((nodes[1] as { value: string }).value).toBe(normal)
      }),
      { numRuns: 2000 },
    )
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

  it('reads formulas in their usual spellings, and leaves money and failures as text', () => {
    const html = (text: string) => new FormulaWriter().html(text)
    for (const formula of [
      '$x$',
      '\\(x\\)',
      '\\[x\\]',
      '$$x$$',
      '\\boxed{x}',
      '\\boxed{\\frac{1}{2}}',
      '$\\$5$',
    ])
      expect(html(formula)).toMatch(/^<span class="katex"><math/)
    for (const text of [
      '$5 and $6',
      '$ x $',
      '$a\nb$',
      '\\boxed{x',
      '$\\bad$',
      '$$',
      '\\(\\)',
      '$',
    ])
      expect(html(text)).toBe(text)
    expect(html('\\[x\\]')).toContain('display="block"')
    expect(html('a \\(x<y\\) b & c')).toMatch(/^a <span.*<\/span> b &amp; c$/)
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
    ]) {
      const text = part.repeat(Math.ceil(200_000 / part.length))
      expect(
        cpuMs(() => new FormulaWriter().html(text)),
        part,
      ).toBeLessThan(5000)
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
