import { MAX_CALL_CHARS, MAX_CALLS, type CallSource } from '../protocol/agreement.ts'
import { blocksIn } from './blocks.ts'
import type { Call, UserCall } from './calls.ts'

/** Standard inputs for programs that read them, from the examples of texts. */

const HEADING =
  /^[ \t#>*_-]*(?:(?:sample|example|test)[ \t]+)?(input|output)s?(?:[ \t]+(?:#[ \t]*)?\d+)?[ \t]*[*_]*[ \t]*(:?)[ \t]*[*_]*[ \t]*(.*)$/i
const FENCE = /^[ \t]*(?:`{3,}|~{3,})/
const MAX_LINES = 20_000

interface Example {
  kind: 'input' | 'output'
  text: string
}

/** Returns the inputs that a text shows under a heading such as "Input:", with their outputs. */
export function inputsIn(text: string, from: CallSource): Call[] {
  const examples = examplesIn(text)
  return examples.flatMap(({ kind, text: input }, i) => {
    if (kind !== 'input' || input.trim() === '' || input.length > MAX_CALL_CHARS) return []
    const next = examples[i + 1]
    const states = from === 'question' && next?.kind === 'output' && next.text.trim() !== ''
    return [{ text: `${input}\n`, from, ...(states && { expected: next.text }) }]
  })
}

/** Returns what stands below (or behind) each heading, up to an empty line or the next heading. */
function examplesIn(text: string): Example[] {
  const lines = text.split(/\r?\n/, MAX_LINES)
  const examples: Example[] = []
  for (let i = 0; i < lines.length; i++) {
    const [, kind, colon, inline = ''] = HEADING.exec(lines[i]!) ?? []
    // "Input consists of ..." is prose.
    if (kind === undefined || (inline !== '' && colon === '')) continue
    const found: Example = { kind: kind.toLowerCase() as Example['kind'], text: inline.trim() }
    examples.push(found)
    if (inline !== '') continue
    let at = i + 1
    while (lines[at]?.trim() === '') at++
    const fenced = FENCE.test(lines[at] ?? '')
    const begin = fenced ? at + 1 : at
    let end = begin
    while (end < lines.length && !isEnd(lines[end]!, fenced)) end++
    found.text = lines.slice(begin, end).join('\n')
    i = fenced ? end : end - 1
  }
  return examples
}

const isEnd = (line: string, fenced: boolean): boolean =>
  fenced ? FENCE.test(line) : line.trim() === '' || HEADING.test(line) || FENCE.test(line)

/** Returns the inputs of a probe, which was asked for one block each. */
function probeInputs(probe: string): Call[] {
  const blocks = blocksIn(probe).filter(
    ({ tag, code }) => !/^(?:py|js|ts|java)/.test(tag) && code.trim() !== '',
  )
  if (blocks.length === 0) return inputsIn(probe, 'probe')
  return blocks
    .map(({ code }): Call => ({ text: `${code.trimEnd()}\n`, from: 'probe' }))
    .filter(({ text }) => text.length <= MAX_CALL_CHARS)
}

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
  const all = new Map<string, Call>()
  for (const input of [
    ...own,
    ...inputsIn(texts.question, 'question'),
    ...probeInputs(texts.probe ?? ''),
    ...texts.attempts.flatMap((text) => inputsIn(text, 'attempt')),
  ]) {
    const known = all.get(input.text)
    if (known === undefined) all.set(input.text, { ...input })
    else if (known.expected === undefined && input.expected !== undefined)
      known.expected = input.expected
  }
  return [...all.values()].slice(0, MAX_CALLS)
}
