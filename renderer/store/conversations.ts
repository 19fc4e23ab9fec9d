import type { RunSummary } from '../../engine/protocol/wire.ts'

/**
 * A run, the other versions of its turn, and everything that follows up on them. Its title and star are
 * those of the first run. Nothing of it is stored: it is read from what each run follows up on and is a
 * version of.
 */
export interface Conversation {
  root: RunSummary
  /** The turn that was asked last. */
  latest: RunSummary
  /** Oldest first. */
  runs: RunSummary[]
}

/** Returns the runs of a list by their ids. */
export const byRun = (list: readonly RunSummary[] | null): ReadonlyMap<string, RunSummary> =>
  new Map(list?.map((item) => [item.run, item]))

/** Returns the conversations of these runs, those with the latest turn first. */
export function conversationsOf(list: readonly RunSummary[]): Conversation[] {
  const byId = byRun(list)
  const byRoot = new Map<string, RunSummary[]>()
  const rootOf = new Map<string, string>()
  for (const item of [...list].sort(older)) {
    const known = item.followUp === undefined ? undefined : rootOf.get(item.followUp)
    const root = known ?? turnOf(earlierTurns(item, byId)[0] ?? item)
    rootOf.set(item.run, root)
    const turns = byRoot.get(root)
    if (turns === undefined) byRoot.set(root, [item])
    else turns.push(item)
  }
  return [...byRoot]
    .map(([root, runs]) => ({ root: byId.get(root) ?? runs[0]!, latest: runs.at(-1)!, runs }))
    .sort((a, b) => older(b.latest, a.latest))
}

const older = (a: RunSummary, b: RunSummary): number =>
  a.time < b.time ? -1 : a.time > b.time ? 1 : a.run < b.run ? -1 : 1

/** Returns the run that names the turn of a run: its first version, which may be gone. */
const turnOf = ({ run, versionOf }: RunSummary): string => versionOf ?? run

/** Returns the versions of a run's turn, oldest first; none if the run is not in the list. */
export function versionsOf(list: readonly RunSummary[], run: string): RunSummary[] {
  const own = list.find((item) => item.run === run)
  if (own === undefined) return []
  return list.filter((item) => turnOf(item) === turnOf(own)).sort(older)
}

/** Returns the turns that a run builds on, oldest first. A turn that was deleted ends the chain. */
export function earlierTurns(
  { run, followUp }: Pick<RunSummary, 'run' | 'followUp'>,
  byId: ReadonlyMap<string, RunSummary>,
): RunSummary[] {
  const turns: RunSummary[] = []
  const seen = new Set([run])
  for (let next = followUp; next !== undefined && !seen.has(next);) {
    seen.add(next)
    const turn = byId.get(next)
    if (turn === undefined) break
    turns.unshift(turn)
    next = turn.followUp
  }
  return turns
}

export type Day = 'today' | 'yesterday' | 'week' | 'month' | 'older'

/** Returns under which heading a time (ISO 8601) stands in a list by day. */
export function dayOf(time: string, now: Date): Day {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate())
  const before = (days: number) => {
    const day = new Date(midnight)
    day.setDate(day.getDate() - days)
    return day
  }
  const then = new Date(time)
  if (then >= midnight) return 'today'
  if (then >= before(1)) return 'yesterday'
  if (then >= before(7)) return 'week'
  return then >= before(30) ? 'month' : 'older'
}

export type Apart = 'model' | 'strategy' | 'paths' | 'time'

/**
 * Returns what tells runs of the same title apart: what they differ in, and their time if that is
 * not enough. Runs with a title of their own are not in the map.
 */
export function toldApart(runs: readonly RunSummary[]): ReadonlyMap<string, Apart[]> {
  const byTitle = new Map<string, RunSummary[]>()
  for (const run of runs) {
    const same = byTitle.get(run.title)
    if (same === undefined) byTitle.set(run.title, [run])
    else same.push(run)
  }
  const told = new Map<string, Apart[]>()
  for (const same of byTitle.values()) {
    if (same.length < 2) continue
    const fields = (['model', 'strategy', 'paths'] as const).filter(
      (field) => new Set(same.map((run) => run[field])).size > 1,
    )
    const keys = new Set(same.map((run) => fields.map((field) => run[field]).join('\0')))
    const apart: Apart[] = keys.size < same.length ? [...fields, 'time'] : fields
    for (const { run } of same) told.set(run, apart)
  }
  return told
}

/** A line of a list of runs: the heading of a day, or a run, indented if it follows up on another. */
export type Line = { day: Day } | { run: RunSummary; turn: number }

/** Returns runs by day, each conversation as a thread: its first turn, then those that follow up on it. */
export function linesByDay(list: readonly RunSummary[], now: Date): Line[] {
  let last: Day | undefined
  return conversationsOf(list).flatMap(({ latest, runs }) => {
    const day = dayOf(latest.time, now)
    const heading: Line[] = day === last ? [] : [{ day }]
    last = day
    return [...heading, ...runs.map((run, turn): Line => ({ run, turn }))]
  })
}
