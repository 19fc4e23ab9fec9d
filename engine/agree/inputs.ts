import { MAX_CALL_CHARS, MAX_CALLS, type CallSource } from '../protocol/agreement.ts'
import { blocksIn } from './blocks.ts'
import type { Call, UserCall } from './calls.ts'

/** Standard inputs for programs that read them, from the examples of texts. */

const INPUT = 'input|entrada|entr[ée]e|Eingabe|输入|輸入|入力'
const OUTPUT = 'output|salida|sa[íi]da|sortie|Ausgabe|输出|輸出|出力'
const SAMPLE = 'sample|example|test|样例|示例|樣例|範例'
const HEADING = new RegExp(
  `^[ \\t#>*_-]*(?:(?:${SAMPLE})[ \\t]*)?(?:(${INPUT})|(?:${OUTPUT}))s?(?:样例|示例|例)?(?:[ \\t]*(?:#[ \\t]*)?\\d+)?[ \\t]*[*_]*[ \\t]*([:：]?)[ \\t]*[*_]*[ \\t]*(.*)$`,
  'i',
)
const FENCE = /^[ \t]*(?:`{3,}|~{3,})/
const MAX_LINES = 20_000

interface Example {
  kind: 'input' | 'output'
  text: string
}

/** Returns the inputs that a text shows, under headings such as "Input:" or in a sentence, with their outputs. */
export function inputsIn(text: string, from: CallSource): Call[] {
  const examples = examplesIn(text)
  const shown = examples.flatMap(({ kind, text: input }, i) => {
    const next = examples[i + 1]
    const output = next?.kind === 'output' && next.text.trim() !== '' ? next.text : null
    return kind === 'input' ? asCall(input, from, output) : []
  })
  return shown.length > 0 ? shown : inSentences(text, from)
}

function asCall(input: string, from: CallSource, output: string | null = null): Call[] {
  if (input.trim() === '' || input.length > MAX_CALL_CHARS) return []
  const states = from === 'question' && output !== null
  return [{ text: `${input.trimEnd()}\n`, from, ...(states && { expected: output }) }]
}

/** Returns what stands below (or behind) each heading, up to an empty line or the next heading. */
function examplesIn(text: string): Example[] {
  const lines = text.split(/\r?\n/, MAX_LINES)
  const examples: Example[] = []
  for (let i = 0; i < lines.length; i++) {
    const found = HEADING.exec(lines[i]!)
    if (found === null) continue
    const [, input, colon, inline = ''] = found
    // "Input consists of ..." is prose.
    if (inline !== '' && colon === '') continue
    const kind = input === undefined ? 'output' : 'input'
    const example: Example = { kind, text: unquoted(inline.trim()) }
    examples.push(example)
    if (inline !== '') continue
    let at = i + 1
    while (lines[at]?.trim() === '') at++
    const fenced = FENCE.test(lines[at] ?? '')
    const begin = fenced ? at + 1 : at
    let end = begin
    while (end < lines.length && !isEnd(lines[end]!, fenced)) end++
    example.text = lines.slice(begin, end).join('\n')
    i = fenced ? end : end - 1
  }
  return examples
}

const isEnd = (line: string, fenced: boolean): boolean =>
  fenced ? FENCE.test(line) : line.trim() === '' || HEADING.test(line) || FENCE.test(line)

/** Takes the marks off code within a line; `\n` in it is a new line. */
const unquoted = (text: string): string =>
  /^(`+)[^`]+\1$/.test(text) ? text.replace(/^`+|`+$/g, '').replaceAll('\\n', '\n') : text

/** "given the input `5`, the program prints `25`". */
const SENTENCE = new RegExp(
  `(?:${INPUT}|reads?|given|for)[^\`\\n]{0,40}\`([^\`\\n]+)\`[^\`\\n]{0,80}?(?:${OUTPUT}|prints?|returns?|gives?|displays?|writes?|results?|打印)[^\`\\n]{0,40}\`([^\`\\n]+)\``,
  'gi',
)

const inSentences = (text: string, from: CallSource): Call[] =>
  [...text.slice(0, 1 << 16).matchAll(SENTENCE)].flatMap(([, input = '', output = '']) =>
    asCall(input.replaceAll('\\n', '\n'), from, output.replaceAll('\\n', '\n')),
  )

/** Returns the inputs of a probe, which was asked for one block each; `lines`: of an input, if all known ones have as many. */
function probeInputs(probe: string, lines: number | null): Call[] {
  const blocks = blocksIn(probe)
    .filter(({ tag, code }) => !/^(?:py|js|ts|java)/.test(tag) && code.trim() !== '')
    .map(({ code }) => code)
  const headed = inputsIn(probe, 'probe')
  if (blocks.length === 0) return headed.length > 0 ? headed : listed(probe)
  const cases = blocks.length > 1 ? blocks : casesOf(blocks[0]!, lines)
  return cases.flatMap((code) => asCall(code, 'probe'))
}

/** Returns the cases of the only block of a probe, where they are told apart: by headings, empty lines or rules. */
function casesOf(block: string, lines: number | null): string[] {
  const headed = examplesIn(block)
  if (headed.length > 0)
    return headed.filter(({ kind }) => kind === 'input').map(({ text }) => text)
  const parts = block.split(/\n[ \t]*(?:[-=*]{3,}[ \t]*)?\n|^[ \t]*[-=*]{3,}[ \t]*$/m)
  if (parts.length > 1) return parts.map((part) => part.replace(/^\n+/, ''))
  return lines === 1 ? block.split('\n') : [block]
}

const ITEM = /^[ \t]*(?:\d{1,3}[.):]|[-*+])[ \t]+(.*)$/gm

/** Returns the inputs that are items of a list: the code in each, or what holds digits and no words. */
const listed = (text: string): Call[] =>
  [...text.matchAll(ITEM)].slice(0, MAX_CALLS).flatMap(([, item = '']) => {
    const quoted = /`+[^`\n]+`+/.exec(item)?.[0]
    if (quoted !== undefined) return asCall(unquoted(quoted), 'probe')
    return /\d/.test(item) && !/\p{L}/u.test(item) ? asCall(item.trim(), 'probe') : []
  })

/** "Read an integer and print ...", with nothing to follow. */
const ONE_LINE =
  /^(?![^]*\b(?:followed|then|next|lines)\b)[^]*\breads?[ \t]+(?:in[ \t]+)?(?:an?|one|a single)[ \t]+(?:\w+[ \t]+){0,2}?(?:integer|number|line|string|word|value|sentence)\b/i

/** Returns the different inputs to run, at most 40: the user's, the question's, the probe's. */
export function harvestInputs(texts: {
  question: string
  attempts: readonly string[]
  probe?: string | undefined
  user?: readonly UserCall[] | undefined
}): Call[] {
  const own = (texts.user ?? []).map(({ call, expected }): Call => ({
    text: call.endsWith('\n') ? call : `${call}\n`,
    from: 'user',
    ...(expected !== undefined && { expected }),
  }))
  const asked = inputsIn(texts.question, 'question')
  const lengths = new Set(asked.map(({ text }) => text.trimEnd().split('\n').length))
  if (asked.length === 0 && ONE_LINE.test(texts.question)) lengths.add(1)
  const all = new Map<string, Call>()
  for (const input of [
    ...own,
    ...asked,
    ...probeInputs(texts.probe ?? '', lengths.size === 1 ? [...lengths][0]! : null),
    ...texts.attempts.flatMap((text) => inputsIn(text, 'attempt')),
  ]) {
    const known = all.get(input.text)
    if (known === undefined) all.set(input.text, { ...input })
    else if (known.expected === undefined && input.expected !== undefined)
      known.expected = input.expected
  }
  return [...all.values()].slice(0, MAX_CALLS)
}
