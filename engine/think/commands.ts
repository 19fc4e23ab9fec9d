import { MAX_SEQUENCES } from '../kv/index.ts'
import { BraidError } from '../protocol/errors.ts'
import type { RunCommand } from '../protocol/events.ts'
import type { PathState } from '../protocol/fold.ts'
import { extractAnswer } from './answer.ts'
import { overrideVote, recount } from './ending.ts'
import { chooseFusion } from './prepare.ts'
import type { Run } from './run.ts'
import { pathSeed } from './seeds.ts'
import { relaunch } from './thinking.ts'

type Of<T extends RunCommand['type']> = Extract<RunCommand, { type: T }>

const thinks = ({ status }: PathState) => status === 'waiting' || status === 'thinking'

/**
 * Takes a command: checks it against the run's state, then acts on the decode under way, or adds to what the run has still
 * to do. Throws `BraidError`s; what was accepted is told by events.
 */
export function obey(run: Run, command: RunCommand): void | Promise<void> {
  switch (command.type) {
    case 'stop':
      return stop(run, command)
    case 'drop':
      return drop(run, command)
    case 'extend':
      return extend(run, command)
    case 'branch':
      return branch(run, command)
    case 'summarise':
      return summariseNow(run, command)
    case 'stop-all':
      return stopAll(run)
    case 'override-vote':
      return overrideVote(run, command.winner)
    case 'cancel':
      return cancel(run)
  }
}

function stop(run: Run, { path: number }: Of<'stop'>): void {
  const path = run.path(number)
  if (!thinks(path))
    throw new BraidError('not-running', `Path ${number} does not think: there is nothing to stop.`)
  endPath(run, path, 'stopped')
}

/** Ends a path that thinks, or is about to. */
function endPath(run: Run, path: PathState, reason: 'stopped' | 'cut'): void {
  if (unlaunch(run, path.path, reason)) return
  if (run.live === null)
    run.emit({ type: 'path-ended', path: path.path, reason, answer: extractAnswer(path.text) })
  else if (run.regrow !== null)
    run.ending.set(path.path, reason) // its stream is being interrupted anyway
  else run.live.stop(path.path, reason)
}

/** Takes a path that still waits for its turn out of the work to do. */
function unlaunch(run: Run, number: number, reason: 'stopped' | 'cut'): boolean {
  const lists = [
    run.regrow,
    ...run.work.map((work) => (work.kind === 'think' ? work.launches : null)),
  ]
  const list = lists.find((launches) => launches?.some(({ path }) => path === number))
  if (list === undefined || list === null) return false
  list.splice(
    list.findIndex(({ path }) => path === number),
    1,
  )
  run.emit({
    type: 'path-ended',
    path: number,
    reason,
    answer: extractAnswer(run.path(number).text),
  })
  return true
}

function drop(run: Run, { path: number }: Of<'drop'>): void | Promise<void> {
  const path = run.path(number)
  const seq = run.cells?.seqOf(number)
  if (thinks(path) && !unlaunch(run, number, 'stopped') && run.live !== null && seq !== undefined) {
    // The stream's end tells it, after the last tokens.
    run.dropping.add(number)
    if (run.live.remove(seq)) return
    run.dropping.delete(number)
  }
  run.emit({ type: 'path-dropped', path: number })
  if (seq !== undefined) {
    if (run.live?.remove(seq) === true) run.cells?.forget(number)
    else void run.cells?.remove(number).catch(() => {}) // a context that is being freed has no cells to remove
  }
  return recount(run)
}

function extend(run: Run, { path: number, tokens }: Of<'extend'>): void {
  const path = run.path(number)
  if (path.reason === 'finished')
    throw new BraidError(
      'bad-request',
      `Path ${number} came to an end by itself: branch it at an earlier token to have it think on.`,
    )
  const budget = (thinks(path) ? path.budget : path.tokens.length) + tokens
  if (path.tokens.length === 0 && !thinks(path))
    throw new BraidError('bad-request', `Path ${number} has no text to go on from.`)
  run.emit({ type: 'path-extended', path: number, budget })
  if (!thinks(path)) {
    if (!grows(run)) return relaunch(run, { path: number, alone: true })
    return interrupt(run, { path: number, alone: true })
  }
  if (run.live === null || waits(run, number)) return // its budget is read when it starts
  if (grows(run)) return interrupt(run)
  run.live.extend(number, tokens)
}

const waits = (run: Run, number: number) =>
  run.regrow !== null ||
  run.work.some(
    (work) => work.kind === 'think' && work.launches.some(({ path }) => path === number),
  )

/** The paths that think would outgrow the context, and it may become larger. */
function grows(run: Run): boolean {
  const { cells, live, settings, prompt, state } = run
  if (
    live === null ||
    cells === null ||
    run.phase !== 'thinking' ||
    settings.engine.context > 0 ||
    cells.shrunk
  )
    return false
  const after = state.paths.reduce(
    (sum, path) => sum + (thinks(path) ? Math.max(0, path.budget - path.tokens.length) : 0),
    cells.used({ prompt, paths: state.paths }),
  )
  return after + settings.summaryBudget > cells.capacity
}

/** Ends the decode under way so that it goes on with more room. */
function interrupt(run: Run, launch?: { path: number; token?: number; alone?: boolean }): void {
  const first = run.regrow === null
  run.regrow ??= []
  if (launch !== undefined) run.regrow.push(launch)
  if (first) run.live?.cancel()
}

function branch(run: Run, { path: number, at, token }: Of<'branch'>): void {
  const parent = run.path(number)
  if (at > parent.tokens.length)
    throw new BraidError(
      'out-of-range',
      `Path ${number} has ${parent.tokens.length} tokens: it cannot be branched at ${at}.`,
    )
  const vocab = run.model?.native.info.vocabSize
  if (token !== undefined && vocab !== undefined && token >= vocab)
    throw new BraidError('out-of-range', `There is no token ${token}: the vocabulary has ${vocab}.`)
  const path = run.state.paths.length + 1
  if (run.state.paths.filter(({ status }) => status !== 'dropped').length + 3 > MAX_SEQUENCES)
    throw new BraidError(
      'too-many-paths',
      `A run holds ${MAX_SEQUENCES - 3} paths at most: drop one first.`,
    )
  const { group, thought } = parent
  run.emit({
    type: 'path-started',
    path,
    group,
    thought,
    seed: pathSeed(run.settings.seed, path),
    parent: { path: number, at },
  })
  // A branch may become as long as its parent may.
  const budget = Math.max(parent.budget, at + 1)
  if (budget !== run.settings.budget) run.emit({ type: 'path-extended', path, budget })
  const alone = !run.state.paths.some(
    (other) => other.group === group && other.path !== path && thinks(other),
  )
  const launch = { path, alone, ...(token !== undefined && { token }) }
  if (
    run.live !== null &&
    run.phase === 'thinking' &&
    (grows(run) || (run.cells?.freeSequences ?? 0) < 2)
  )
    return interrupt(run, launch)
  relaunch(run, launch)
}

function summariseNow(run: Run, { paths, fusion }: Of<'summarise'>): void {
  for (const number of paths ?? []) {
    if (run.path(number).tokens.length === 0)
      throw new BraidError('bad-request', `Path ${number} has no text to summarise.`)
  }
  if (run.summarisable().length === 0)
    throw new BraidError('bad-request', 'No path has text to summarise yet.')
  if (fusion !== undefined && run.model !== null) chooseFusion(fusion, run.model, true)
  const chosen = paths === undefined ? undefined : [...new Set(paths)].sort((a, b) => a - b)
  const first = run.beginning && run.endNow === null
  for (const path of run.state.paths) if (thinks(path)) endPath(run, path, 'cut')
  // The run's own summaries follow anyway.
  if (first) run.endNow = { paths: chosen, fusion }
  if (!first || run.plan?.summaries === false)
    run.enqueue({ kind: 'summarise', paths: chosen, fusion })
}

function stopAll(run: Run): void {
  if (!run.active)
    throw new BraidError('not-running', 'The run has ended: there is nothing to stop.')
  run.endNow = 'stop-all'
  for (const path of run.state.paths) if (thinks(path)) endPath(run, path, 'stopped')
  run.work = []
  if (run.live === null) return run.abort.abort()
  for (const { version, status } of run.state.summaries)
    if (status === 'waiting' || status === 'thinking') run.live.stop(version, 'stopped')
}

function cancel(run: Run): void {
  if (!run.active)
    throw new BraidError('not-running', 'The run has ended: there is nothing to cancel.')
  run.work = []
  run.abort.abort()
}
