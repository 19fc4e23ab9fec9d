import { BraidError } from '../protocol/errors.ts'
import type { StreamEnd } from '../native/types.ts'
import { extractAnswer } from './answer.ts'
import { pathStream, type Launch } from './launch.ts'
import { untilOver } from './live.ts'
import type { PlannedPath } from './plan.ts'
import { ensureCells, prefixLength, restorePaths, summaryCells, summaryReserve } from './prepare.ts'
import type { Run } from './run.ts'

/**
 * Lets paths think, all in one decode, until each has ended. `finish`: a group is cut when so many of its paths have ended
 * by themselves; 0: none is. Planned paths are new, launched ones come back or branch off.
 */
export async function think(
  run: Run,
  launches: readonly (Launch | PlannedPath)[],
  finish: number,
): Promise<void> {
  let todo: readonly (Launch | PlannedPath)[] = launches
  for (;;) {
    run.regrow = null
    await decodePaths(run, todo, finish)
    if (run.regrow === null) break
    // Interrupted to get more room: whoever thinks goes on, in a larger context.
    const added: Launch[] = run.regrow
    const going = run.state.paths.filter(
      ({ path, status }) => isOpen(status) && !added.some((launch) => launch.path === path),
    )
    todo = [...going.map(({ path }) => ({ path })), ...added]
  }
  const first = run.state.paths[0]
  if (run.state.paths.every(({ status }) => status === 'failed') && first?.error)
    throw new BraidError('decode-failed', first.error.message)
}

const isOpen = (status: string) => status === 'waiting' || status === 'thinking'

async function decodePaths(
  run: Run,
  launches: readonly (Launch | PlannedPath)[],
  finish: number,
): Promise<void> {
  const { settings, prompt } = run
  const later = launches.filter(
    (launch) => !('group' in launch) && isOpen(run.state.paths[launch.path - 1]!.status),
  )
  const planned = launches.filter((launch) => 'group' in launch)
  if (later.length + planned.length === 0) return

  const remaining = later.reduce(
    (sum, { path }) =>
      sum +
      Math.max(1, run.state.paths[path - 1]!.budget - run.state.paths[path - 1]!.tokens.length),
    planned.reduce((sum, { given }) => sum + settings.budget + (given?.length ?? 0), 0),
  )
  const groups = new Set(
    [...planned, ...later.map(({ path }) => run.state.paths[path - 1]!)].map(({ group }) => group),
  ).size
  const wanted = run.plan?.summaries === false ? 0 : summaryCells(run, groups, launches.length)
  const cells = await ensureCells(
    run,
    remaining + wanted,
    later.filter(({ path }) => run.cells?.seqOf(path) === undefined).length +
      planned.length +
      groups,
  )
  await restorePaths(
    run,
    later.map((launch) => needed(run, launch)),
  )

  const ready = later.filter(({ path }) => isOpen(run.state.paths[path - 1]!.status)) // none was stopped meanwhile
  if (ready.length + planned.length === 0) return
  for (const { path, group, thought, seed } of planned)
    run.emit({ type: 'path-started', path, group, thought, seed })
  await give(run, planned)
  run.phase = 'thinking'
  const tokens = run.model!.tokens
  const streams = [...planned, ...ready].map((launch) =>
    pathStream(launch, run.state.paths[launch.path - 1]!, { settings, tokens, prompt, cells }),
  )
  const free = cells.capacity - cells.used({ prompt, paths: run.state.paths })
  const live = cells.context.decode({
    streams,
    finish,
    cells: Math.max(0, free - summaryReserve(free, wanted, groups, prefixLength(run.model!))),
    logprobs: true,
    alternatives: settings.alternatives,
    onBatch: (batch) => {
      for (const { id, tokens } of batch.tokens) run.emit({ type: 'tokens', path: id, tokens })
      for (const end of batch.ended) pathEnded(run, end)
    },
  })
  try {
    await untilOver(run, live, 'pathsMs')
  } finally {
    run.phase = 'preparing'
    // A path without a token of its own starts again from where it would have.
    for (const { path } of [...planned, ...later]) {
      const { tokens, parent } = run.state.paths[path - 1]!
      if (tokens.length <= (parent?.at ?? 0)) await cells.remove(path)
    }
    // A dropped parent was only there for its branch.
    for (const { path, status } of run.state.paths)
      if (status === 'dropped') await cells.remove(path)
  }
}

/** Paths that begin with given tokens have them, control token included, before any path thinks. */
async function give(run: Run, planned: readonly PlannedPath[]): Promise<void> {
  const {
    tokens: { pairs },
    native,
  } = run.model!
  const begun = planned.filter(({ given }) => given !== undefined)
  for (const { path, thought, given } of begun) {
    const pair = pairs[run.settings.controls.sameToken ? 0 : thought - 1]
    const text = new TextDecoder()
    const ids = [...(pair === undefined ? [] : [pair.open]), ...given!]
    run.emit({
      type: 'tokens',
      path,
      tokens: ids.map((id) => ({
        id,
        text: text.decode(native.tokenBytes(id), { stream: true }),
        logprob: null,
        entropy: null,
        forced: true,
      })),
    })
  }
  await restorePaths(
    run,
    begun.map(({ path }) => path),
  )
}

/** The path whose cells a launched one starts from: its own, or its parent's for one without a token of its own. */
function needed(run: Run, { path }: Launch): number {
  const { tokens, parent } = run.state.paths[path - 1]!
  const fresh = parent !== null && tokens.length === parent.at
  return fresh && run.model!.native.info.cannotJoin === undefined ? parent.path : path
}

function pathEnded(run: Run, { id, reason, error }: StreamEnd): void {
  const path = run.state.paths[id - 1]!
  if (run.dropping.delete(id)) {
    run.cells?.forget(id) // the decode removed its cells
    run.emit({ type: 'path-ended', path: id, reason: 'dropped', answer: null })
    run.emit({ type: 'path-dropped', path: id })
    return
  }
  if (reason === 'cancelled' && run.regrow !== null && !run.signal.aborted) {
    const wanted = run.ending.get(id)
    if (wanted !== undefined)
      run.emit({ type: 'path-ended', path: id, reason: wanted, answer: extractAnswer(path.text) })
    run.ending.delete(id)
    return
  }
  // Extended while its last token was on the way.
  if (reason === 'budget' && path.tokens.length < path.budget) {
    relaunch(run, { path: id, alone: true })
    return
  }
  run.emit({
    type: 'path-ended',
    path: id,
    reason,
    answer: reason === 'failed' ? null : extractAnswer(path.text),
    ...(error !== undefined && { error }),
  })
}

/** A path thinks on: in the decode under way where its cells are there, else afterwards. */
export function relaunch(run: Run, launch: Launch): void {
  const { live, cells, prompt, settings } = run
  if (run.regrow !== null) {
    run.regrow.push(launch)
    return
  }
  if (live !== null && run.phase === 'thinking' && cells !== null && inPlace(run, launch)) {
    const state = run.state.paths[launch.path - 1]!
    if (live.add(pathStream(launch, state, { settings, tokens: run.model!.tokens, prompt, cells })))
      return
    if (state.tokens.length === (state.parent?.at ?? 0)) cells.forget(launch.path)
  }
  run.enqueue({ kind: 'think', launches: [launch] })
}

/** The cells that a launch starts from are there, and a sequence for it. */
function inPlace(run: Run, { path }: Launch): boolean {
  const { cells } = run
  if (cells!.seqOf(path) !== undefined) return true
  const { parent, tokens } = run.state.paths[path - 1]!
  return (
    parent !== null &&
    tokens.length === parent.at &&
    cells!.freeSequences > Math.max(...run.state.paths.map(({ group }) => group)) &&
    cells!.seqOf(parent.path) !== undefined &&
    run.model!.native.info.cannotJoin === undefined
  )
}
