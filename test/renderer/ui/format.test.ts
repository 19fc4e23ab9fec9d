import { renderToStaticMarkup } from 'react-dom/server'
import { createElement } from 'react'
import { describe, expect, test } from 'vitest'
import type { Range } from '../../../engine/protocol/markdown/blocks.ts'
import { treeOf } from '../../../engine/protocol/markdown/tree.ts'
import { isPlain, isProse, plainOf } from '../../../engine/protocol/markdown/plain.ts'
import { elementOf } from '../../../renderer/format/useFormatted.tsx'
import { PAYLOADS } from '../payloads.ts'
import { random } from '../synthetic.ts'
import { since } from '../../support/time.ts'

const html = (text: string, mark: Range | null = null): string =>
  renderToStaticMarkup(
    elementOf(treeOf(text, { mark }), {
      a: ({ children }) => createElement('span', null, children),
      img: ({ alt }) => createElement('span', null, alt),
    }),
  )
/** Returns the markup without its texts and titles. */
const tags = (markup: string): string[] =>
  [...markup.replace(/ title="[^"]*"/g, '').matchAll(/<([a-z][\w-]*)((?:\s[^<>]*)?)>/gi)].map(
    ([, name, rest]) => `${name}${rest}`,
  )
const INERT =
  /^(p|span|strong|em|del|code|pre|ul|ol|li|table|thead|tbody|tr|th|td|h[1-6]|blockquote|hr|br|mark|sup|section|math|semantics|annotation|mrow|mi|mo|mn|mfrac|msup|msub|msubsup|mtext|mstyle|mspace|mover|munder|munderover|mtable|mtr|mtd|mpadded|menclose|msqrt|mroot|mphantom|merror|svg|path|line|g)(\s|$)/i

describe('formatted text', () => {
  test('has at least 300 hostile texts, all different', () => {
    expect(new Set(PAYLOADS).size).toBeGreaterThanOrEqual(300)
  })

  test.each(PAYLOADS.map((payload) => [payload.slice(0, 60), payload]))(
    '%j is inert',
    (_, payload) => {
      const began = process.cpuUsage()
      for (const tag of tags(html(payload))) {
        expect(tag).toMatch(INERT)
        expect(tag).not.toMatch(
          /\s(on\w+|href|src|srcset|action|formaction|xlink:href|ping|poster|background)\s*=/i,
        )
        expect(tag).not.toMatch(/url\(/i)
      }
      expect(since(began)).toBeLessThan(3000)
    },
  )

  test('the check above sees what is live', () => {
    expect(tags('<p><img src=x onerror=y></p>').some((tag) => !INERT.test(tag))).toBe(true)
    expect(tags('<p title="onclick=1" onclick="1">')).toEqual(['p onclick="1"'])
  })

  test.each([
    ['so we add them.\nThen we stop.\n\n', true],
    [' the first word\n\n', true],
    ['\n \n one\n', true],
    ['a well-known 3.5, (see 2) or "x": 50% + 1 = 2; x > 1!\nIs it?', true],
    ['    indented', false],
    ['a *word*', false],
    ['a &amp; b', false],
    ['- item', false],
    ['a\n  b', false],
    ['a\n1. b', false],
    ['a\n---', false],
    ['$x$', false],
    ['one\n\ntwo', false],
    ['a\\*b', false],
    ['https://example.org', false],
    ['\\boxed{1}', false],
  ])('%j is prose: %j', (text, prose) => {
    expect(isProse(text)).toBe(prose)
  })

  test('prose looks formatted as it looks plain', () => {
    const pieces =
      'a|the|7|3.|4)|  |    |\n|\n\n|-|+|#|>|=|===|---|.|,|:|;|!|(|)|{|}|"|\'|%|^|/|http|www|x-y|?|é|数|😀|*|`|<|$|&|\\|~|_|[|\t|\r|\0'.split(
        '|',
      )
    const next = random(11)
    const found = Array.from({ length: 30_000 }, () =>
      Array.from(
        { length: 1 + Math.floor(next() * 9) },
        () => pieces[Math.floor(next() * pieces.length)]! + (next() < 0.5 ? ' ' : ''),
      ).join(''),
    ).filter((text) => isProse(text) && plainOf(text).text !== '')
    expect(found.length).toBeGreaterThan(3000)
    for (const text of [...found, ...PAYLOADS.filter((payload) => isProse(payload))])
      expect(html(text)).toBe(renderToStaticMarkup(createElement('p', null, plainOf(text).text)))
  })

  test.each([
    ['2 * 18 = 36 | 3\n5 < 6', true],
    ['a\\*b', false],
    ['a *word*', false],
    ['a  \nb', false],
    ['$x$', false],
    ['one\n\ntwo', false],
    ['- item', false],
    ['', false],
  ])('%j looks formatted as it is: %j', (text, same) => {
    expect(isPlain(treeOf(text), text)).toBe(same)
  })

  test('plain: no blank lines around, indentation stays, offsets are known', () => {
    expect(plainOf('\n\n  a b \n\n')).toEqual({ text: 'a b', lead: 4 })
    expect(plainOf('    code')).toEqual({ text: '    code', lead: 0 })
    expect(plainOf(' \n\n')).toEqual({ text: '', lead: 3 })
  })

  test('formulas, code, tables and lists are formatted', () => {
    expect(html('$\\frac12$')).toContain('class="katex"')
    expect(html('\\(x^2\\) and \\[y\\]').match(/class="katex"/g)).toHaveLength(2)
    expect(html('The answer is \\boxed{\\frac{7}{22}}.')).toContain('class="katex"')
    expect(html('```py\nprint(1)\n```')).toContain('<pre><code class="language-py">print(1)')
    expect(html('| a |\n|---|\n| b |')).toContain('<td>b</td>')
    expect(html('3. x\n4. y')).toContain('<ol start="3">')
  })

  test('what nests too deep is refused, what does not can be drawn', () => {
    expect(() => treeOf(`${'>'.repeat(1200)} x`)).toThrow()
    expect(html(`${'>'.repeat(900)} x`).match(/<blockquote>/g)).toHaveLength(900)
    expect(html(`$${'\\frac{1}{'.repeat(59)}x${'}'.repeat(59)}$`)).toContain('class="katex"')
  })

  test('model HTML is text, angle brackets included', () => {
    expect(html('use List<String> or <b>bold</b>')).toContain(
      'List&lt;String&gt; or &lt;b&gt;bold&lt;/b&gt;',
    )
    expect(html('<div>\nblock\n</div>')).toContain('&lt;div&gt;')
  })

  test('marks the answer exactly in text, and whole in a formula', () => {
    expect(html('so it is 42, then', [9, 11])).toContain('so it is <mark>42</mark>, then')
    const text = 'so \\boxed{42}.'
    expect(html(text, [10, 12])).toMatch(/<mark><span class="katex">/)
    expect(html('a **42** b', [4, 6])).toContain('<strong><span><mark>42</mark></span></strong>')
    expect(html('nothing here', [100, 110])).not.toContain('<mark>')
  })
})
