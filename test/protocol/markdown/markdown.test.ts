import { toHtml } from 'hast-util-to-html'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blocksOf, textOf } from '../../../engine/protocol/markdown/blocks.ts'
import { formulaAt, isFormula, plainSigns } from '../../../engine/protocol/markdown/formulas.ts'
import { highlight, MAX_CODE } from '../../../engine/protocol/markdown/highlight.ts'
import { languageName } from '../../../engine/protocol/markdown/languages.ts'
import { treeOf } from '../../../engine/protocol/markdown/tree.ts'

/** HTML of a text, its formulas as ⟦source⟧. */
const html = (text: string): string =>
  blocksOf(text)
    .map((block) => toHtml(treeOf(textOf(text, block, null).text, { formulas: 'mathml' })))
    .join('')
    .replace(
      /<span class="katex"><math.*?<annotation[^>]*>(.*?)<\/annotation>.*?<\/math><\/span>/gs,
      '⟦$1⟧',
    )
    .replace(/&#x3C;/g, '<')
    .replace(/&#x26;/g, '&')
const line = (text: string): string => html(text).replace(/^<p>(.*)<\/p>$/s, '$1')

describe('as written', () => {
  it.each([
    'A pen costs $5 and a pad costs $10',
    'US$5 or A$6, $1,000–$2,000, $10k-$20k, ($5)/($6), $5/$6',
    'between $3 and $4, i.e. ($3.50)',
    '"$5"–"$6", ~$5–~$10, $5 vs. 5$, $3 apples$',
    '$0.99/lb and $1.99/lb',
    '价格$5元和$6元',
    '$HOME and $PATH, $HOME/bin:$PATH, ${A}/${B}, $a=$b',
    'rated $$ or $$$, $$5 and $$6',
    '2*3*4, x**2 + y**2, (a+b)*c*(d), f(x)*2*g(y), π*r*r',
    'a * b * c',
    'a_b_c, __init__ and __main__',
    '\\[ x + 1',
    '\\( x + 1',
    'x \\]',
    '$x + 1',
    'an unknown $\\bad$ command',
    'x[^1]',
    '[^1]: note',
    '<div> and <b>c</b>',
    'List<String> & more',
    '$ 5 and 6 $',
    '5$ and 6$',
  ])('%s', (text) => expect(line(text)).toBe(text))

  it('keeps what Markdown would hide', () => {
    expect(line('[1]: https://example.org')).toContain('[1]: <a')
    expect(line('<!-- note -->')).toBe('<!-- note -->')
    expect(line('<script>\n**x**\n</script>')).toContain('<script>\n<strong>x</strong>\n</script>')
  })

  it('keeps code', () => {
    expect(line('`\\(x\\)` and `2*3*4` and `$x$`')).toBe(
      '<code>\\(x\\)</code> and <code>2*3*4</code> and <code>$x$</code>',
    )
    expect(html('> ```\n> \\(x\\) $y$\n> ```')).toContain('<code>\\(x\\) $y$\n</code>')
    expect(html('    \\(x\\)')).toContain('<code>\\(x\\)\n</code>')
  })
})

describe('formulas', () => {
  it.each([
    ['$x$ costs $5', '⟦x⟧ costs $5'],
    ['Then $2 \\times 5 = 10$ dollars.', 'Then ⟦2 \\times 5 = 10⟧ dollars.'],
    ['the $n$th, two $x$s, $k$-th', 'the ⟦n⟧th, two ⟦x⟧s, ⟦k⟧-th'],
    ['\\(x^2\\) and $E = mc^2$.', '⟦x^2⟧ and ⟦E = mc^2⟧.'],
    ['中文$x$中文', '中文⟦x⟧中文'],
    ['$\\{1,2\\}$ and $100\\%$', '⟦\\{1,2\\}⟧ and ⟦100\\%⟧'],
    ['so \\boxed{\\frac{1}{2}}.', 'so ⟦\\boxed{\\frac{1}{2}}⟧.'],
    ['it is \\boxed{\\$10}', 'it is ⟦\\boxed{\\$10}⟧'],
    ['$3x + 2y = 5$', '⟦3x + 2y = 5⟧'],
    ['3*$x$*4', '3*⟦x⟧*4'],
    ['\\$5 and \\$6', '$5 and $6'],
    ['\\[1\\], \\[sic\\] and \\(see note\\)', '[1], [sic] and (see note)'],
    ['\\\\(x\\\\)', '\\(x\\)'],
    ['$5 for a, $x$ for b', '$5 for a, ⟦x⟧ for b'],
  ])('%s', (text, expected) => expect(line(text)).toBe(expected))

  it.each([
    '$$\nx\n+ y\n- z\n$$',
    '\\[\nx\n+ y\n- z\n\\]',
    '$$x\n+ y\n- z$$',
    '$$\nx\n\n+ y\n- z\n$$',
  ])('%j is one display formula', (text) => {
    const tree = treeOf(text, { formulas: 'mathml' })
    expect(tree.children).toHaveLength(1)
    expect(toHtml(tree)).toContain('display="block"')
  })

  it('stand in sentences, lists, tables and quotations', () => {
    expect(html('Thus\n\\[\nx\n= 1\n\\],\nso')).toBe('<p>Thus</p>\n⟦x\n= 1,⟧\n<p>so</p>')
    expect(html('- a\n  \\[\n  x\n  \\]\n- b')).toContain('<li>a\n⟦x⟧\n</li>')
    expect(html('> \\[\n> x\n> \\]')).toContain('⟦x⟧')
    expect(html('| a | b |\n|--|--|\n| $x$ | $5 |\n| $6 | $7 |')).toMatch(
      /<td>⟦x⟧<\/td>\n<td>\$5<\/td>[^]*<td>\$6<\/td>\n<td>\$7<\/td>/,
    )
  })

  it('end after their start, and take time in proportion to their length', () => {
    const piece = fc.constantFrom('$', '\\', '(', ')', '[', ']', 'x', '5', ' ', '\n', '{', '}', '`')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('')
        for (let at = 0; at < text.length; at++) {
          const found = formulaAt(text, at)
          if (found !== null) {
            expect(found.end).toBeGreaterThan(at + 2)
            expect(found.end).toBeLessThanOrEqual(text.length)
          }
        }
        expect(() => treeOf(text)).not.toThrow()
      }),
      { numRuns: 3000 },
    )
  })

  it('answers', () => {
    expect(['\\frac{1}{2}', 'x_1', '10^5', 'a_{n}'].filter(isFormula)).toHaveLength(4)
    expect(['a_b_c', 'snake_case', '\\$10', '$5', '2*3*4'].filter(isFormula)).toEqual([])
    expect(plainSigns('\\$10 is 5\\%')).toBe('$10 is 5%')
  })
})

describe('Markdown', () => {
  it('emphasis stands beside Chinese, Japanese and Korean', () => {
    expect(line('这是**重点：**内容')).toBe('这是<strong>重点：</strong>内容')
    expect(line('**「重点」**是*这个*。')).toBe('<strong>「重点」</strong>是<em>这个</em>。')
    expect(line('한국어**강조**입니다')).toBe('한국어<strong>강조</strong>입니다')
    expect(line('**bold**s and *em* and ***both***')).toBe(
      '<strong>bold</strong>s and <em>em</em> and <em><strong>both</strong></em>',
    )
  })

  it('tasks, breaks in tables, links and pictures', () => {
    expect(html('- [x] done\n- [ ] to do')).toContain(
      '<li class="task">☑ done</li>\n<li class="task">☐ to do</li>',
    )
    expect(html('| a |\n|--|\n| b<br>c |')).toContain('<td>b<br>\nc</td>')
    expect(line('[x](javascript:alert(1))')).toBe('<a>x</a>')
    expect(line('~~gone~~ but ~5')).toBe('<del>gone</del> but ~5')
  })

  it('a list is one block, code in it another, and both keep their place', () => {
    expect(html('1. a\n\n   b\n\n2. c')).toContain('<p>b</p>\n</li>\n<li>\n<p>c</p>')
    const text = '1. a\n\n    ```py\n    x = 1\n    ```\n\n    more\n\n2. b\n'
    expect(blocksOf(text).map(({ kind }) => kind)).toEqual([
      'markdown',
      'code',
      'markdown',
      'markdown',
    ])
    expect(textOf(text, blocksOf(text)[1]!, null).text).toBe('```py\nx = 1\n```\n')
    expect(
      textOf(text, blocksOf(text)[2]!, [text.indexOf('more'), text.indexOf('more') + 4]),
    ).toEqual({
      text: '\nmore\n\n',
      mark: [1, 5],
    })
    expect(html('- a\n\n    b\n| c |\n|--|\n| d |')).toContain('<td>d</td>')
  })
})

describe('code', () => {
  const coloured = (code: string, info: string) =>
    toHtml({ type: 'root', children: highlight(code, info) })

  it('has colours if its language is known', () => {
    expect(coloured('x = 1', 'python')).toBe('x = <span class="hljs-number">1</span>')
    for (const info of ['py', '{.python}', 'Python title="a"', 'python:main.py'])
      expect(coloured('x = 1', info)).toContain('hljs-number')
    for (const info of ['', 'text', 'nonesuch']) expect(coloured('x = 1', info)).toBe('x = 1')
  })

  it('is never HTML, and plain if it is huge', () => {
    expect(coloured('<img src=x onerror=alert(1)>', 'html')).not.toContain('<img')
    expect(coloured('x = 1\n'.repeat(MAX_CODE), 'python')).not.toContain('<span')
  })

  it('names its language', () => {
    expect(
      ['py', 'c++', 'ts title=a', 'brainfuck', '', 'text', 'constructor'].map(languageName),
    ).toEqual(['Python', 'C++', 'TypeScript', 'brainfuck', '', '', 'constructor'])
  })
})
