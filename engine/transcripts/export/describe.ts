import {
  errorText,
  numberOf,
  roleOf,
  type ModelAddress,
  type RunError,
  type SegmentId,
} from '../../protocol/events.ts'
import { consensusOf, outcomeOf, outcomeText, wonBy } from '../../protocol/consensus.ts'
import { plainAnswer } from '../../protocol/markdown/prose.ts'
import { answeringSegment, decidingProgram } from '../../protocol/deciding.ts'
import { preferredBy } from '../../protocol/judges.ts'
import type { Reason } from '../../protocol/programs.ts'
import { questionOf, showsValues } from '../../protocol/question.ts'
import { thoughtIn } from '../../protocol/thoughts.ts'
import { meanLogprob, tokensPerSecond, type RunState, type Segment } from '../../protocol/fold.ts'
import { reasonText } from '../../protocol/wording.ts'

/**
 * Rows of name and value, plain text: what Markdown and HTML exports show of a run besides its
 * texts.
 */
export type Rows = [name: string, value: string][]

export function runRows({ run, state }: { run: string; state: RunState }): Rows {
  const { settings, model, engine, usage, timings } = state
  const rows: Rows = [
    ['run', run],
    ['time', state.time],
    ['status', state.endReason ?? state.status],
  ]
  if (model !== null) {
    const facts = [
      ...(model.architecture === undefined ? [] : [model.architecture]),
      ...(model.sizeBytes === undefined ? [] : [size(model.sizeBytes)]),
    ]
    rows.push(
      ['model', facts.length === 0 ? model.name : `${model.name} (${facts.join(', ')})`],
      addressRow(model.address),
    )
    if (model.headerSha256 !== undefined) rows.push(['model header sha256', model.headerSha256])
    rows.push(
      ['native paths', String(model.nativePaths)],
      ['thought rows', String(model.thoughtRows)],
    )
  }
  if (settings !== null) {
    const {
      sampling,
      controls,
      engine: options,
      system,
      instruction,
      refineInstruction,
      templateVariables,
      ...plain
    } = settings
    for (const group of [plain, templateVariables ?? {}, sampling, controls, options]) {
      for (const [name, value] of Object.entries(group)) rows.push([words(name), String(value)])
    }
    if (system !== undefined) rows.push(['system', system])
    if (instruction !== undefined) rows.push(['instruction', instruction])
    if (refineInstruction !== undefined) rows.push(['refine instruction', refineInstruction])
  }
  if (engine !== null)
    rows.push([
      'engine',
      `braid ${engine.version}, llama.cpp ${engine.llama}, ran on ${engine.device}`,
    ])
  if (state.fusion !== null) rows.push(['fusion used', state.fusion])
  rows.push(['prompt tokens', String(state.promptTokens.length)])
  if (state.followUp !== null)
    rows.push(['follows up on', `${state.followUp.run}, ${nameOf(state.followUp.segment)}`])
  if (state.versionOf !== null) rows.push(['another version of', state.versionOf])
  if (state.client !== null) rows.push(['client', state.client])
  if (state.turns.length > 0) rows.push(['earlier turns', String(state.turns.length)])
  if (state.question !== null) rows.push(['kind of question', state.question])
  if (usage !== null)
    rows.push(
      ['path tokens', String(usage.pathTokens)],
      ['summary tokens', String(usage.summaryTokens)],
      ...(usage.probeTokens === undefined
        ? []
        : [['probe tokens', String(usage.probeTokens)] as [string, string]]),
      ...(usage.judgeTokens === undefined
        ? []
        : [['judge tokens', String(usage.judgeTokens)] as [string, string]]),
      ['KV memory', size(usage.kvBytes)],
    )
  if (timings !== null) {
    for (const [name, ms] of Object.entries(timings))
      rows.push([words(name.replace(/Ms$/, ' time')), seconds(ms as number)])
  }
  if (state.error !== null) rows.push(['error', errorLine(state.error)])
  return rows
}

function addressRow(address: ModelAddress): Rows[number] {
  return 'file' in address
    ? ['model file', address.file as string]
    : ['model server', `${address.server as string}, ${address.name as string}`]
}

const errorLine = (error: RunError): string => `${errorText(error)} (${error.code})`

/** What an export shows of a run as its answer. */
export interface Shown {
  /** Answers of segments and votes are shown. */
  values: boolean
  /** Its whole text is the answer; null where the answer is a value, or there is none. */
  whole: Segment | null
  /** The other summaries, paths, probes and judges. */
  summaries: readonly Segment[]
  rest: readonly Segment[]
}

/**
 * Returns what an export shows. A text that is the answer is not repeated among the others, unless a
 * thought is before it.
 */
export function shownOf(state: RunState): Shown {
  const values = showsValues(state)
  const whole = values || state.answer === null ? null : (answeringSegment(state) ?? null)
  const others = (list: readonly Segment[]) =>
    list.filter((one) => one !== whole || thoughtIn(one.text, state.thought) !== null)
  return {
    values,
    whole,
    summaries: others(state.summaries),
    rest: others([...state.paths, ...state.others]),
  }
}

/** Returns what a table of runs shows in its column of answers. */
export const answerCell = (state: RunState): string =>
  showsValues(state) ? plainAnswer(state.answer ?? '') : `(${questionOf(state) ?? 'undecided'})`

/** Returns `path 3`, `summary 1`, ... */
export const nameOf = (segment: SegmentId): string => `${roleOf(segment)} ${numberOf(segment)}`

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1)

/** Returns `Path 3, group 2, branched from path 1 after 4 tokens`, `Path 4, group 2, reads paths 1, 3 by cache`, or `Summary 1: of paths 1, 2, by cache`. */
export function segmentTitle({ segment, role, group, parent, reads, fusion }: Segment): string {
  const name = capital(nameOf(segment))
  if (role === 'path') {
    const ofGroup = group !== null && group > 1 ? `, group ${group}` : ''
    const from =
      parent === null ? '' : `, branched from ${nameOf(parent.segment)} after ${parent.at} tokens`
    const read = reads.length === 0 ? '' : `, reads ${namesOf(reads)} by ${fusion}`
    return `${name}${ofGroup}${from}${read}`
  }
  if (reads.length === 0) return name
  if (role === 'judge') return `${name}, round ${group ?? 1}: of ${namesOf(reads)}, by ${fusion}`
  return `${name}: of ${namesOf(reads)}${fusion === null ? '' : `, by ${fusion}`}`
}

/** Returns `paths 1, 2`. All segments must have the same role. */
function namesOf(segments: readonly SegmentId[]): string {
  const role = roleOf(segments[0]!)
  if (segments.length === 1 || segments.some((segment) => roleOf(segment) !== role))
    return segments.map(nameOf).join(', ')
  return `${role === 'summary' ? 'summaries' : `${role}s`} ${segments.map(numberOf).join(', ')}`
}

/**
 * Returns `finished, 812 tokens, 24.1 tok/s, mean logprob -0.31, thought 1, seed 7`; a summary has
 * no thought and seed.
 */
export function segmentLine(segment: Segment): string {
  const [speed, mean] = [tokensPerSecond(segment), meanLogprob(segment)]
  const parts = [segment.reason ?? segment.status, `${segment.tokens.length} tokens`]
  if (speed !== null) parts.push(`${speed.toFixed(1)} tok/s`)
  if (mean !== null) parts.push(`mean logprob ${mean.toFixed(3)}`)
  if (segment.error !== null) parts.push(errorLine(segment.error))
  if (segment.role === 'judge') {
    const preferred = preferredBy(segment)
    parts.push(preferred === null ? 'prefers neither' : `prefers ${nameOf(preferred)}`)
  }
  if (segment.role === 'path') parts.push(`thought ${segment.thought}`, `seed ${segment.seed}`)
  return parts.join(', ')
}

/** Returns the heading of a vote. */
export const voteTitle = ({ over, rule }: RunState['votes'][number]): string =>
  over === 'judges' ? 'What the judges prefer' : `Vote over ${over} by ${rule}`

/** Returns one line per class of the vote; the winner is marked. */
export function voteLines(vote: RunState['votes'][number]): string[] {
  const { weight: rule } = vote
  return vote.classes.map(({ answer, members, weight }, i) => {
    const won =
      i === vote.winner
        ? `winner${vote.tie ? ' of a tie' : ''}${vote.chosen !== undefined ? ', chosen by hand' : ''}: `
        : ''
    if (vote.over === 'judges') {
      const value = answer === null ? '' : `${plainAnswer(answer)} - `
      return `${won}${value}${weight === 1 ? '1 point' : `${weight ?? 0} points`}: ${namesOf(members)}`
    }
    const counted = rule === undefined ? '' : `${weight?.toFixed(2)} votes weighted by ${rule}, `
    return `${won}${answer === null ? '(no answer)' : plainAnswer(answer)} - ${counted}${members.length} of ${vote.over}: ${members.map(numberOf).join(', ')}`
  })
}

/** What an export shows of programs that were compared. */
export interface ComparedPrograms {
  lines: string[]
  head: string[]
  rows: string[][]
}

const MAX_CELL = 120
const short = (text: string): string =>
  text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text

const reasonCell = (reason: Reason | null): string =>
  reason === null ? '' : short(reasonText(reason))

const WON = {
  agreement: 'which agrees most',
  expected: 'which gives more of the expected results',
  score: 'of which the model was surest',
  alone: 'which agrees with no other, as none does',
} as const

/**
 * Returns what programs returned: a line or two, then a table with the calls down and the programs
 * across. null if none were compared.
 */
export function comparedPrograms(state: RunState): ComparedPrograms | null {
  const { agreement } = state
  if (agreement === null || agreement.calls.length === 0) return null
  const { of, calls, programs } = agreement
  const found = consensusOf(agreement)
  const won = decidingProgram(state)
  const hand = agreement.chosen !== undefined && agreement.chosen === won
  const cases = agreement.function === null ? 'inputs' : 'calls'
  const lines = [
    ...(found === null
      ? []
      : [
          found.calls === 0
            ? `No two of ${found.programs} programs return the same for any of ${found.ofCalls} ${cases}.`
            : `${found.same} of ${found.programs} programs return the same for ${found.calls} of ${found.ofCalls} ${cases}.`,
        ]),
    ...(won === undefined
      ? []
      : [
          `The answer is ${nameOf(won)}, ${hand ? 'chosen by hand' : WON[wonBy(agreement, of.indexOf(won))]}.`,
        ]),
  ]
  const expects = calls.some(({ expected }) => expected !== undefined)
  const row = (name: string, cell: (i: number) => string) => [
    name,
    ...(expects ? [''] : []),
    ...programs.map((_, i) => cell(i)),
  ]
  return {
    lines,
    head: ['call', ...(expects ? ['expected'] : []), ...of.map(nameOf)],
    rows: [
      ...calls.map((call) => [
        short(call.text),
        ...(expects ? [short(call.expected ?? '')] : []),
        ...programs.map((_, i) => {
          const outcome = outcomeOf(call, i)
          if (outcome === null) return ''
          const text = short(outcomeText(outcome))
          return 'error' in outcome || 'abstained' in outcome ? `(${text})` : text
        }),
      ]),
      row('agreement', (i) => String(programs[i]!.agreement)),
      ...(expects ? [row('missed', (i) => String(programs[i]!.missed))] : []),
      ...(programs.some(({ abstained }) => abstained !== null)
        ? [row('abstained', (i) => reasonCell(programs[i]!.abstained))]
        : []),
    ],
  }
}

export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const step = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)),
  )
  return `${step === 0 ? bytes : (bytes / 1024 ** step).toFixed(1)} ${units[step]}`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

/** Returns `summary budget` for `summaryBudget`. */
function words(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/ +/g, ' ')
    .trim()
}
