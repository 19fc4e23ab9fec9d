import type { Fusion } from '../protocol/request.ts'
import type { NativeToken, StreamEnd } from '../native/types.ts'
import { extractAnswer } from './answer.ts'
import type { Cells } from './cells.ts'
import { summaryStream } from './launch.ts'
import { untilOver } from './live.ts'
import { chooseFusion, ensureCells, restorePaths, trainedPositions } from './prepare.ts'
import { rereadParts } from './reread.ts'
import type { Run } from './run.ts'

/** One summary to be written over these paths. */
export interface SummaryJob {
  version: number
  paths: readonly number[]
  fusion: Fusion
}

/** A job whose sequence is ready to decode; `cells`: those it took beside the paths'. */
interface Joined extends SummaryJob {
  seq: number
  cells: number
}

/** Writes summaries, all in one decode. A job without a path is left out, with a notice. */
export async function summarise(run: Run, jobs: readonly SummaryJob[]): Promise<void> {
  const todo = jobs.filter(({ paths }) => paths.length > 0)
  if (todo.length < jobs.length)
    run.notice(
      'nothing-to-summarise',
      todo.length === 0
        ? 'No path has text to summarise.'
        : `${jobs.length - todo.length} of ${jobs.length} runs have no text to summarise.`,
    )
  if (todo.length === 0) return
  const model = run.model!
  for (const { fusion } of todo) chooseFusion(fusion, model, true)
  run.phase = 'summarising'
  const joined: Joined[] = []
  try {
    const began = performance.now()
    if (todo[0]!.fusion === 'cache') await joinCells(run, todo, joined)
    else await readAgain(run, todo, joined)
    run.clock.joinMs += performance.now() - began
    await decodeSummaries(run, joined)
  } finally {
    // Undoes the join: only the paths' cells stay.
    for (const { seq } of joined) {
      await run.cells?.context.remove(seq)
      run.cells?.give(seq)
    }
  }
}

async function joinCells(run: Run, jobs: readonly SummaryJob[], joined: Joined[]): Promise<void> {
  const cells = await ensureCells(run, jobs.length * run.settings.summaryBudget, jobs.length)
  await restorePaths(
    run,
    jobs.flatMap(({ paths }) => paths),
  )
  for (const job of jobs) {
    const seq = cells.take()
    joined.push({ ...job, seq, cells: 0 })
    for (const path of job.paths) await cells.context.copy(cells.seqOf(path)!, seq)
    run.emit({ type: 'joined', version: job.version, paths: [...job.paths], fusion: 'cache' })
  }
}

async function readAgain(run: Run, jobs: readonly SummaryJob[], joined: Joined[]): Promise<void> {
  const { settings, prompt, signal } = run
  const model = run.model!
  const positions = trainedPositions(model.native.info, settings)
  const byPosition = positions - Math.min(settings.summaryBudget, Math.floor(positions / 4))
  const limit =
    settings.engine.context || run.cells?.shrunk === true
      ? (run.cells?.capacity ?? settings.engine.context)
      : Infinity
  const share = Math.floor((limit - prompt.length) / jobs.length)
  const room = Math.min(byPosition, share - Math.min(settings.summaryBudget, Math.floor(share / 4)))
  const read = []
  for (const { paths } of jobs) {
    read.push(
      await rereadParts(
        model,
        paths.map((path) => run.state.paths[path - 1]!),
        { problem: run.state.problem, conversation: run.conversation, settings, prompt, room },
        signal,
      ),
    )
  }
  const lengths = read.map(({ parts }) => parts.reduce((sum, { tokens }) => sum + tokens.length, 0))
  const need = lengths.reduce((a, b) => a + b, 0) + jobs.length * settings.summaryBudget
  // What is read again takes the place of the paths' own cells where there is no room for both.
  if (
    run.cells !== null &&
    run.cells.capacity - run.cells.used({ prompt, paths: run.state.paths }) < need
  )
    await run.cells.removePaths()
  const cells = await ensureCells(run, need, jobs.length)
  for (const [i, job] of jobs.entries()) {
    const seq = cells.take()
    joined.push({ ...job, seq, cells: lengths[i]! })
    const { afterPrompt, parts, cuts } = read[i]!
    if (afterPrompt) await cells.context.copy(cells.promptSeq, seq)
    for (const { tokens, thought } of parts) await cells.prefill(seq, tokens, thought, signal)
    for (const { path, removed } of cuts)
      run.notice(
        'path-cut',
        `Path ${path} does not fit: ${removed} tokens from its middle are not read again.`,
      )
    run.emit({
      type: 'joined',
      version: job.version,
      paths: [...job.paths],
      fusion: 'reread',
      ...(cuts.length > 0 && { cuts }),
    })
  }
}

async function decodeSummaries(run: Run, joined: readonly Joined[]): Promise<void> {
  const { settings, prompt } = run
  const cells: Cells = run.cells!
  const { tokens, plain } = run.model!
  const prefix =
    tokens.summary === null ? [] : [tokens.summary.open, ...plain(tokens.summaryPrefix)]
  for (const { version, paths, fusion } of joined)
    run.emit({ type: 'summary-started', version, paths: [...paths], fusion })
  const free =
    cells.capacity -
    cells.used({ prompt, paths: run.state.paths }) -
    joined.reduce((sum, job) => sum + job.cells, 0)
  const live = cells.context.decode({
    streams: joined.map(({ version, seq }) =>
      summaryStream(version, seq, prefix, { settings, tokens, prompt, cells }),
    ),
    finish: 0,
    cells: Math.max(0, free),
    logprobs: true,
    alternatives: settings.alternatives,
    onBatch: (batch) => {
      for (const { id, tokens } of batch.tokens)
        run.emit({ type: 'tokens', path: 0, version: id, tokens: withStart(run, id, tokens) })
      for (const end of batch.ended) summaryEnded(run, end)
    },
  })
  await untilOver(run, live, 'summaryMs')
}

/** After a join the first token has nothing before it, also where a single path was joined and its last logits are there. */
function withStart(run: Run, version: number, tokens: NativeToken[]): NativeToken[] {
  const summary = run.state.summaries.find((summary) => summary.version === version)
  const [first, ...rest] = tokens
  if (first?.forced !== true || summary?.fusion !== 'cache' || summary.tokens.length > 0)
    return tokens
  return [{ id: first.id, text: first.text, logprob: null, entropy: null, forced: true }, ...rest]
}

function summaryEnded(run: Run, { id, reason, error }: StreamEnd): void {
  const summary = run.state.summaries.find(({ version }) => version === id)
  run.emit({
    type: 'summary-ended',
    version: id,
    reason,
    answer: reason === 'failed' ? null : extractAnswer(summary?.text ?? ''),
    ...(error !== undefined && { error }),
  })
}
