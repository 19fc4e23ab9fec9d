import { attention as core } from 'micromark-core-commonmark'
import type { Code, Construct, Extension, State, TokenizeContext } from 'micromark-util-types'
import { formulaAt, isHalf } from './formulas.ts'

declare module 'micromark-util-types' {
  interface TokenTypeMap {
    formula: 'formula'
    formulaBlock: 'formulaBlock'
    formulaLine: 'formulaLine'
  }
}

const DOLLAR = 36
const ASTERISK = 42
const BACKSLASH = 92
const UNDERSCORE = 95

const isEol = (code: Code): boolean => code !== null && code < -2
const isBlank = (code: Code): boolean => code === -2 || code === -1 || code === 32

/**
 * What Braid reads differently from GitHub's Markdown: formulas (formulas.ts), asterisks between operands, emphasis
 * beside Chinese, Japanese and Korean, and no construct that hides text: a block of HTML, a definition of a link or a
 * footnote is shown as written. `source`: the text that is parsed.
 */
export function syntax(source: string): Extension {
  const inline = formula(source, false)
  const block = formula(source, true)
  const attention = emphasis(source)
  return {
    text: {
      [DOLLAR]: inline,
      [BACKSLASH]: [inline, half(source)],
      [ASTERISK]: attention,
      [UNDERSCORE]: attention,
    },
    flow: { [DOLLAR]: block, [BACKSLASH]: block },
    insideSpan: { null: [attention] },
    disable: {
      null: ['htmlFlow', 'definition', 'gfmFootnoteDefinition', 'gfmFootnoteCall'],
    },
  }
}

/**
 * A formula in a line, or a block of one display formula (`block`): up to a punctuation mark at the end of its last
 * line, with no text before or behind it.
 */
function formula(source: string, block: boolean): Construct {
  return {
    name: block ? 'formulaBlock' : 'formula',
    concrete: block,
    tokenize(this: TokenizeContext, effects, ok, nok) {
      const start = this.now().offset
      const found = formulaAt(source, start)
      let end = found?.end ?? 0
      if (block && found !== null) {
        const rest = /[.,;:]?[ \t]*(?:\r?\n|$)/y
        rest.lastIndex = end
        const behind = rest.exec(source)
        if (!found.display || behind === null) return nok
        if (/^[.,;:]/.test(behind[0])) end++
      }
      if (found === null) return nok
      if (block && this.interrupt) return ok
      const type = block ? 'formulaBlock' : 'formula'
      const line: State = (code) => {
        if (code === null) return nok(code)
        if (isEol(code)) return eol(code)
        effects.enter('formulaLine')
        return inside(code)
      }
      const inside: State = (code) => {
        const done = this.now().offset >= end
        if (!done && code !== null && !isEol(code)) {
          effects.consume(code)
          return inside
        }
        effects.exit('formulaLine')
        if (!done) return code === null ? nok(code) : eol(code)
        effects.exit(type)
        return behind(code)
      }
      const eol: State = (code) => {
        effects.enter('lineEnding')
        effects.consume(code)
        effects.exit('lineEnding')
        return (next) => (block && this.parser.lazy[this.now().line] ? nok(next) : line(next))
      }
      /** Spaces behind a block. */
      const behind: State = (code) => {
        if (!block || !isBlank(code)) return ok(code)
        effects.enter('whitespace')
        return blank(code)
      }
      const blank: State = (code) => {
        if (isBlank(code)) {
          effects.consume(code)
          return blank
        }
        effects.exit('whitespace')
        return ok(code)
      }
      return (code) => {
        effects.enter(type)
        return line(code)
      }
    },
  }
}

/** A backslash and a bracket that are half of LaTeX's delimiters: shown as written. */
function half(source: string): Construct {
  return {
    name: 'half',
    tokenize(this: TokenizeContext, effects, ok, nok) {
      if (!isHalf(source, this.now().offset)) return nok
      const bracket: State = (code) => {
        effects.consume(code)
        effects.exit('data')
        return ok
      }
      return (code) => {
        effects.enter('data')
        effects.consume(code)
        return bracket
      }
    },
  }
}

const CJK =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff00-\uffef]/u
const MARK = /[\p{P}\p{S}]/u
const LETTER = /[\p{L}\p{N}]/u

const NAME =
  /__(?:init|new|del|main|name|file|line|func|doc|all|dict|class|slots|call|str|repr|len|iter|next|enter|exit|eq|ne|lt|gt|le|ge|hash|bool|add|sub|mul|truediv|getitem|setitem|contains|getattr|setattr|future|import|version|proto|dirname|filename)__(?!\w)/y

type Kind = 'space' | 'cjk' | 'mark' | 'letter'

function kindOf(code: Code): Kind {
  if (code === null || code < 0 || code === 32) return 'space'
  const char = String.fromCharCode(code)
  if (CJK.test(char)) return 'cjk'
  return /\s/.test(char) ? 'space' : MARK.test(char) ? 'mark' : 'letter'
}

const isOneOf = (code: Code, chars: string): boolean =>
  code !== null && code > 0 && chars.includes(String.fromCharCode(code))
const isDigit = (code: Code): boolean => code !== null && code >= 48 && code <= 57
const isOperand = (code: Code, brackets: string): boolean =>
  (kindOf(code) === 'letter' && LETTER.test(String.fromCharCode(code!))) || isOneOf(code, brackets)

/**
 * Emphasis as in CommonMark (6.2) with two differences. Asterisks between two operands, as in `2*3*4`, `f(x)*y` and
 * `2**10`, are operators: they open nothing, and a single one closes nothing. A character of Chinese, Japanese or
 * Korean beside the asterisks counts as a word boundary, since these languages write no spaces. The names that Python
 * and C have between double underscores are names.
 */
const emphasis = (source: string): Construct => ({
  name: 'attention',
  resolveAll: core.resolveAll!,
  tokenize(this: TokenizeContext, effects, ok) {
    const previous = this.previous
    NAME.lastIndex = this.now().offset
    const name = NAME.test(source)
    const before = kindOf(previous)
    let marker: Code = null
    let length = 0
    const inside: State = (code) => {
      if (code === marker) {
        length++
        effects.consume(code)
        return inside
      }
      const token = effects.exit('attentionSequence')
      const after = kindOf(code)
      let open = after !== 'space' && (after !== 'mark' || before !== 'letter')
      let close = before !== 'space' && (before !== 'mark' || after !== 'letter')
      if (marker === UNDERSCORE) {
        const both = open && close
        token._open = open && (!both || before === 'mark') && !name
        token._close = close && (!both || after === 'mark')
        return ok(code)
      }
      if (isOperand(previous, ')]}') && isOperand(code, '([{\\')) {
        open = false
        close &&= length > 1 && !isDigit(code)
      }
      token._open = open
      token._close = close
      return ok(code)
    }
    return (code) => {
      marker = code
      effects.enter('attentionSequence')
      return inside(code)
    }
  },
})
