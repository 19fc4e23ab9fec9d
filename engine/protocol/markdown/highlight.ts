/** Colours of code. Loads some 50 grammars, so it is imported when the first code is shown. */
import type { Element, ElementContent, Root, Text } from 'hast'
import awk from 'highlight.js/lib/languages/awk'
import clojure from 'highlight.js/lib/languages/clojure'
import cmake from 'highlight.js/lib/languages/cmake'
import dart from 'highlight.js/lib/languages/dart'
import dockerfile from 'highlight.js/lib/languages/dockerfile'
import dos from 'highlight.js/lib/languages/dos'
import elixir from 'highlight.js/lib/languages/elixir'
import erlang from 'highlight.js/lib/languages/erlang'
import fortran from 'highlight.js/lib/languages/fortran'
import fsharp from 'highlight.js/lib/languages/fsharp'
import groovy from 'highlight.js/lib/languages/groovy'
import haskell from 'highlight.js/lib/languages/haskell'
import julia from 'highlight.js/lib/languages/julia'
import latex from 'highlight.js/lib/languages/latex'
import lisp from 'highlight.js/lib/languages/lisp'
import matlab from 'highlight.js/lib/languages/matlab'
import nginx from 'highlight.js/lib/languages/nginx'
import ocaml from 'highlight.js/lib/languages/ocaml'
import powershell from 'highlight.js/lib/languages/powershell'
import prolog from 'highlight.js/lib/languages/prolog'
import protobuf from 'highlight.js/lib/languages/protobuf'
import scala from 'highlight.js/lib/languages/scala'
import scheme from 'highlight.js/lib/languages/scheme'
import verilog from 'highlight.js/lib/languages/verilog'
import vhdl from 'highlight.js/lib/languages/vhdl'
import x86asm from 'highlight.js/lib/languages/x86asm'
import { common, createLowlight } from 'lowlight'
import type { Range } from './blocks.ts'
import { codeIn, visitElements } from './elements.ts'
import { languageOf } from './languages.ts'

/** Longest code that is coloured, in UTF-16 units. Longer code is shown plain. */
export const MAX_CODE = 20_000

const lowlight = createLowlight(common)
lowlight.register({
  awk,
  clojure,
  cmake,
  dart,
  dockerfile,
  dos,
  elixir,
  erlang,
  fortran,
  fsharp,
  groovy,
  haskell,
  julia,
  latex,
  lisp,
  matlab,
  nginx,
  ocaml,
  powershell,
  prolog,
  protobuf,
  scala,
  scheme,
  verilog,
  vhdl,
  x86asm,
})
lowlight.registerAlias({ x86asm: ['asm', 'nasm'], python: ['python3'], json: ['jsonl'] })

/**
 * Returns code as text and spans of class `hljs-*`, with `marks` in <mark>. One text if the language is unknown or the
 * code too long.
 */
export function highlight(
  code: string,
  info: string,
  marks: readonly Range[] = [],
): ElementContent[] {
  const language = languageOf(info)
  const known = language !== '' && code.length <= MAX_CODE && lowlight.registered(language)
  const children = known
    ? (lowlight.highlight(language, code).children as ElementContent[])
    : [{ type: 'text' as const, value: code }]
  return marks.reduce((all, mark) => marked(all, mark, { at: 0 }), children)
}

function marked(children: ElementContent[], mark: Range, place: { at: number }): ElementContent[] {
  return children.flatMap((child): ElementContent[] => {
    if (child.type === 'element')
      return [{ ...child, children: marked(child.children, mark, place) }]
    if (child.type !== 'text') return []
    const { value } = child
    const [from, to] = mark.map((end) => Math.min(Math.max(0, end - place.at), value.length)) as [
      number,
      number,
    ]
    place.at += value.length
    if (from >= to) return [child]
    const text = (part: string): Text[] => (part === '' ? [] : [{ type: 'text', value: part }])
    const inside: Element = {
      type: 'element',
      tagName: 'mark',
      properties: {},
      children: text(value.slice(from, to)),
    }
    return [...text(value.slice(0, from)), inside, ...text(value.slice(to))]
  })
}

/** Colours the code blocks in a tree: those in lists and quotations, which are not blocks of their own. */
export function highlightIn(tree: Root): void {
  visitElements(tree, (element) => {
    const found = codeIn(element)
    const [content] = found?.code.children ?? []
    if (found === null || content?.type !== 'text') return undefined
    found.code.children = highlight(content.value, found.info)
    return [element]
  })
}
