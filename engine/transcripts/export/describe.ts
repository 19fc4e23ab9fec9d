import {
  meanLogprob,
  tokensPerSecond,
  type PathState,
  type RunState,
  type Stream,
  type SummaryState,
} from '../../protocol/fold.ts'

/** What Markdown and HTML say of a run besides its texts: rows of name and value, plain text. */
export type Rows = [name: string, value: string][]

export function runRows({ run, state }: { run: string; state: RunState }): Rows {
  const { settings, model, engine, usage, timings } = state
  const rows: Rows = [
    ['run', run],
    ['time', state.time],
    ['status', state.endReason ?? state.status],
  ]
  if (model !== null) {
    rows.push(
      ['model', `${model.name} (${model.architecture}, ${size(model.sizeBytes)})`],
      ['model file', model.file],
    )
    rows.push(
      ['model header sha256', model.headerSha256],
      ['native paths', String(model.nativePaths)],
      ['thought rows', String(model.thoughtRows)],
    )
  }
  if (settings !== null) {
    const { sampling, controls, engine: options, system, ...plain } = settings
    for (const group of [plain, sampling, controls, options]) {
      for (const [name, value] of Object.entries(group)) rows.push([words(name), String(value)])
    }
    if (system !== undefined) rows.push(['system', system])
  }
  if (engine !== null)
    rows.push([
      'engine',
      `braid ${engine.version}, llama.cpp ${engine.llama}, ran on ${engine.device}`,
    ])
  if (state.fusion !== null) rows.push(['fusion used', state.fusion])
  rows.push(['prompt tokens', String(state.promptTokens.length)])
  if (state.followUp !== null)
    rows.push(['follows up on', `${state.followUp.run}, summary ${state.followUp.version}`])
  if (usage !== null)
    rows.push(
      ['path tokens', String(usage.pathTokens)],
      ['summary tokens', String(usage.summaryTokens)],
      ['KV memory', size(usage.kvBytes)],
    )
  if (timings !== null) {
    for (const [name, ms] of Object.entries(timings))
      rows.push([words(name.replace(/Ms$/, ' time')), seconds(ms as number)])
  }
  if (state.error !== null) rows.push(['error', `${state.error.message} (${state.error.code})`])
  return rows
}

export function pathTitle(path: PathState): string {
  const from =
    path.parent === null
      ? ''
      : `, branched from path ${path.parent.path} after ${path.parent.at} tokens`
  const group = path.group > 1 ? `, group ${path.group}` : ''
  return `Path ${path.path}${group}${from}`
}

export function summaryTitle(summary: SummaryState): string {
  return `Summary ${summary.version}: of ${summary.paths.length === 1 ? 'path' : 'paths'} ${summary.paths.join(', ')}, by ${summary.fusion}`
}

/** `finished, 812 tokens, 24.1 tok/s, mean logprob -0.31, thought 1, seed 7`. */
export function streamLine(stream: Stream, more: string[] = []): string {
  const [speed, mean] = [tokensPerSecond(stream), meanLogprob(stream)]
  const parts = [stream.reason ?? stream.status, `${stream.tokens.length} tokens`]
  if (speed !== null) parts.push(`${speed.toFixed(1)} tok/s`)
  if (mean !== null) parts.push(`mean logprob ${mean.toFixed(3)}`)
  if (stream.error !== null) parts.push(`${stream.error.message} (${stream.error.code})`)
  return [...parts, ...more].join(', ')
}

export function pathLine(path: PathState): string {
  return streamLine(path, [`thought ${path.thought}`, `seed ${path.seed}`])
}

/** One line a vote class, the winner first marked. */
export function voteLines(vote: RunState['votes'][number]): string[] {
  return vote.classes.map(({ answer, members }, i) => {
    const won =
      i === vote.winner
        ? `winner${vote.tie ? ' of a tie' : ''}${vote.override === true ? ', chosen by hand' : ''}: `
        : ''
    return `${won}${answer ?? '(no answer)'} - ${members.length} of ${vote.over}: ${members.join(', ')}`
  })
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

/** `summaryBudget` as `summary budget`. */
function words(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/ +/g, ' ')
    .trim()
}
