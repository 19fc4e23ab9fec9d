import { describe, expect, it } from 'vitest'
import { exportRuns } from '../../../engine/transcripts/export/export.ts'
import { HtmlWriter } from '../../../engine/transcripts/export/text-html.ts'
import { sampleRun } from '../../support/sample-run.ts'
import { cpuMs } from '../../support/time.ts'
import { store, write } from '../support.ts'
import { PARTS } from './parts.ts'

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
