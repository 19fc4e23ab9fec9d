import {
  closeSync,
  copyFileSync,
  existsSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Alternative, RunEvent, SegmentId } from '../protocol/events.ts'
import { BraidError, fail } from '../protocol/errors.ts'
import { applyEvents, EMPTY_RUN, isAtWork, type RunState } from '../protocol/fold.ts'
import { MAX_WHOLE } from '../protocol/limits.ts'
import { digestOf, listItem, withoutText, type RunDigest } from '../protocol/run-list.ts'
import { experimentOf } from '../protocol/lab.ts'
import { RunSummary, type Search } from '../protocol/wire.ts'
import { AlternativesReader } from './alternatives.ts'
import {
  diskError,
  isLocked,
  makeFolder,
  MAX_OWN_FILE,
  openRegular,
  readText,
  writeAtomic,
} from '../files/index.ts'
import { readEvents, type Events } from './lines.ts'
import { experimentFolder, isRunId, lstat, newRunId, runFile } from './names.ts'
import { RunSearch } from './search.ts'
import { atOnce, inSlices, Slices } from './slices.ts'
import { MOVED, Trash } from './trash.ts'
import { TranscriptWriter, type RunFiles } from './writer.ts'

/** What the user adds to a run. Stored beside the transcript, which is append-only. */
const Meta = z
  .object({ title: z.string(), starred: z.boolean(), tags: z.array(z.string()) })
  .partial()
export type Meta = z.infer<typeof Meta>

const Entry = z.object({
  size: z.number(),
  mtime: z.number(),
  digest: RunSummary.omit({ run: true, title: true, starred: true, tags: true }),
})
type Entry = z.infer<typeof Entry>
const INDEX_VERSION = 3
const Index = z.object({ version: z.literal(INDEX_VERSION), entries: z.record(z.string(), Entry) })

const SUFFIX = {
  transcript: '.jsonl',
  alternatives: '.alt',
  meta: '.meta.json',
  lock: '.lock',
  format1: '.format1',
} as const
const DAY_MS = 86_400_000
/** More bytes than a title and tags can have. */
const MAX_META = 1 << 20
const ALTERNATIVES_OPEN = 4
/** Matches the temporary files that a process makes, with its id, for the list and for a run. */
const PART = /^(?:index\.json|[\w-]+\.(?:meta\.json|jsonl|alt))\.\d+\.tmp$/

/**
 * Stores all runs of a data folder: `runs/<run>.jsonl` with its side files, and a cache of the
 * history list.
 */
export class RunStore {
  readonly root: string
  readonly #trash: Trash
  readonly #writers = new Map<string, TranscriptWriter>()
  readonly #alternatives = new Map<string, AlternativesReader>()
  readonly #search = new RunSearch((run) => this.read(run))
  #index: Map<string, Entry> | undefined
  #stale = false

  constructor(folder: string) {
    makeFolder(join(folder, 'runs'), 'Creating the data folder')
    this.root = realpathSync(join(folder, 'runs'))
    this.#trash = new Trash(join(this.root, 'trash'))
    this.#trash.sweep()
    this.#sweep()
  }

  /** Creates a new transcript. */
  create(run = newRunId()): { run: string; writer: TranscriptWriter } {
    const experiment = experimentOf(run)
    if (experiment !== null)
      makeFolder(experimentFolder(this.root, experiment), 'Creating the folder of an experiment')
    const files = this.#files(run)
    if (existsSync(files.transcript)) throw fail('bad-request/run-exists', { run })
    return { run, writer: this.#write(run, new TranscriptWriter(files)) }
  }

  /**
   * Continues a transcript that nobody is writing. A transcript of format 1 is first rewritten in
   * format 2.
   */
  append(run: string): TranscriptWriter {
    this.#transcript(run)
    return this.#write(run, new TranscriptWriter(this.#files(run), true))
  }

  has(run: string): boolean {
    return existsSync(this.#file(run, 'transcript'))
  }

  /** Copies a transcript and its alternatives from elsewhere, as a run of an experiment. Throws disk errors. */
  copy(transcript: string, run: string): void {
    const experiment = experimentOf(run)
    if (experiment === null)
      throw new BraidError('bad-request', `${run} does not belong to an experiment.`)
    makeFolder(experimentFolder(this.root, experiment), 'Creating the folder of an experiment')
    // The transcript comes last: where it is, the run is whole.
    for (const suffix of [SUFFIX.alternatives, SUFFIX.transcript]) {
      const from = transcript.slice(0, -SUFFIX.transcript.length) + suffix
      const to = runFile(this.root, run, suffix)
      try {
        if (!existsSync(from)) continue
        closeSync(openRegular(from)) // copying a pipe would never end
        rmSync(`${to}.tmp`, { force: true })
        copyFileSync(from, `${to}.tmp`)
        renameSync(`${to}.tmp`, to)
      } catch (error) {
        throw diskError(error, 'Copying a run')
      }
    }
  }

  /** Stops writing a run; its transcript stays. */
  close(run: string): void {
    this.#writers.get(run)?.close()
    this.#writers.delete(run)
  }

  /** Deletes a run that could not be written completely. */
  discard(run: string): void {
    this.close(run)
    for (const file of Object.values(this.#files(run)) as string[]) rmSync(file, { force: true })
  }

  /** Deletes all runs of an experiment, none of which is being written. */
  discardExperiment(experiment: string): void {
    rmSync(experimentFolder(this.root, experiment), { recursive: true, force: true })
  }

  /**
   * Returns whether an engine works on the run. Of another process only its lock is seen, which it
   * also holds for a while after the end of a run.
   */
  isLive(run: string): boolean {
    const writer = this.#writers.get(run)
    return writer === undefined ? isLocked(this.#file(run, 'lock')) : isAtWork(writer.state)
  }

  /** Yields events in chunks, up to byte `to`. */
  read(run: string, to = Infinity): Generator<Events> {
    return readEvents(
      this.#transcript(run),
      Math.min(to, this.#writers.get(run)?.bytes ?? Infinity),
    )
  }

  /** As `read`, for readers that keep all events. Throws `out-of-range` if they are too many. */
  readWhole(run: string): Generator<Events> {
    const { size } = statSync(this.#transcript(run))
    const mb = (bytes: number) => Math.round(bytes / 1e6)
    if (size > MAX_WHOLE)
      throw fail('out-of-range/transcript', { run, size: mb(size), most: mb(MAX_WHOLE) })
    return this.read(run)
  }

  /** Throws as `readWhole` does. */
  events(run: string): RunEvent[] {
    return [...this.readWhole(run)].flatMap((chunk) => chunk.events)
  }

  /**
   * Returns the alternatives of `count` tokens of a segment from `index`; null where none were
   * recorded.
   */
  alternatives(
    run: string,
    segment: SegmentId,
    index: number,
    count: number,
  ): (Alternative[] | null)[] {
    this.#transcript(run)
    const reader =
      this.#alternatives.get(run) ?? new AlternativesReader(this.#file(run, 'alternatives'))
    this.#alternatives.delete(run)
    this.#alternatives.set(run, reader)
    for (const old of [...this.#alternatives.keys()].slice(0, -ALTERNATIVES_OPEN))
      this.#alternatives.delete(old)
    return reader.get(segment, index, count)
  }

  /**
   * Returns every run, newest first. A run that cannot be read is listed as `damaged`. Runs are read
   * in slices. Throws the reason of `signal`.
   */
  async list(signal?: AbortSignal): Promise<RunSummary[]> {
    const runs: RunSummary[] = []
    const slices = new Slices({ signal })
    for (const run of this.#names()) {
      await slices.pause()
      if (existsSync(join(this.root, run + SUFFIX.transcript)))
        runs.push(await inSlices(this.#listing(run), slices))
    }
    this.#saveIndex()
    return runs.sort((a, b) =>
      a.time === b.time ? (a.run < b.run ? 1 : -1) : a.time < b.time ? 1 : -1,
    )
  }

  /**
   * Returns the list entry of a run. A file that is not a regular file still gets an entry, so that
   * it does not break the list.
   */
  *#listing(run: string): Generator<void, RunSummary> {
    try {
      return yield* this.#summary(run)
    } catch (error) {
      return listItem(run, damaged(EMPTY_RUN, error))
    }
  }

  summary(run: string): RunSummary {
    return atOnce(this.#summary(run))
  }

  /** As `summary`, for several runs, which are read in slices. */
  async summaries(runs: readonly string[]): Promise<RunSummary[]> {
    const slices = new Slices()
    const all: RunSummary[] = []
    for (const run of runs) all.push(await inSlices(this.#summary(run), slices))
    return all
  }

  *#summary(run: string): Generator<void, RunSummary> {
    return listItem(run, yield* this.#digest(run), this.meta(run))
  }

  meta(run: string): Meta {
    const file = runFile(this.root, run, SUFFIX.meta)
    try {
      return Meta.parse(JSON.parse(readText(file, MAX_META)))
    } catch {
      return {}
    }
  }

  update(run: string, changes: Meta): RunSummary {
    this.#transcript(run)
    const known = Object.fromEntries(
      Object.entries(changes).filter(([, value]) => value !== undefined),
    )
    writeAtomic(
      runFile(this.root, run, SUFFIX.meta),
      JSON.stringify({ ...this.meta(run), ...known }),
    )
    return this.summary(run)
  }

  /** Moves a run to the trash, where it stays for 30 days. */
  delete(run: string): void {
    this.#transcript(run)
    if (experimentOf(run) !== null) throw fail('bad-request/of-experiment')
    if (isAtWork(atOnce(this.#listing(run)))) throw fail('bad-request/still-thinking')
    if (this.#writers.has(run) || isLocked(this.#file(run, 'lock')))
      throw fail('bad-request/run-elsewhere')
    this.#move(run, this.root, this.#trash.folder())
    this.#alternatives.delete(run)
  }

  /** Removes the deleted runs for good, and returns how many there were. Throws disk errors. */
  emptyTrash(): number {
    return this.#trash.empty()
  }

  restore(run: string): RunSummary {
    const trash = this.#trash.folder()
    if (lstat(runFile(trash, run, SUFFIX.transcript)) === undefined) throw fail('no-such-run/trash')
    if (existsSync(this.#file(run, 'transcript'))) throw fail('bad-request/run-exists', { run })
    this.#move(run, trash, this.root)
    return this.summary(run)
  }

  /** Throws the reason of `signal`. */
  async search(query: string, signal?: AbortSignal): Promise<Search> {
    return this.#search.find(query, await this.list(signal), { signal })
  }

  #write(run: string, writer: TranscriptWriter): TranscriptWriter {
    this.#writers.set(run, writer)
    return writer
  }

  #file(run: string, kind: keyof typeof SUFFIX): string {
    return runFile(this.root, run, SUFFIX[kind])
  }

  /**
   * Returns the files that a writer needs, each checked. A reader checks only the file it reads, so
   * a broken alternatives file does not prevent opening a run.
   */
  #files(run: string): RunFiles {
    return {
      transcript: this.#file(run, 'transcript'),
      alternatives: this.#file(run, 'alternatives'),
      lock: this.#file(run, 'lock'),
      format1: this.#file(run, 'format1'),
    }
  }

  /** Returns the path of a run's transcript. Throws `no-such-run` if it does not exist. */
  #transcript(run: string): string {
    const file = this.#file(run, 'transcript')
    if (lstat(file) === undefined)
      throw fail('no-such-run/run', { reason: `The run ${run} does not exist.` })
    return file
  }

  /** Returns the names of all runs; none if the folder was deleted. */
  #names(): string[] {
    const all = lstat(this.root) === undefined ? [] : readdirSync(this.root)
    return all
      .filter((name) => name.endsWith(SUFFIX.transcript))
      .map((name) => name.slice(0, -SUFFIX.transcript.length))
      .filter((run) => isRunId(run) && !isForeign(join(this.root, run + SUFFIX.transcript)))
  }

  /** Yields between the chunks of a transcript that has to be read. */
  *#digest(run: string): Generator<void, RunDigest> {
    const writer = this.#writers.get(run)
    if (writer !== undefined) return digestOf(writer.state, true)
    const [transcript, lock] = [this.#transcript(run), this.#file(run, 'lock')]
    const { size, mtimeMs: mtime } = statSync(transcript)
    const index = this.#loadIndex()
    const known = index.get(run)
    const live = isLocked(lock)
    if (known !== undefined && known.size === size && known.mtime === mtime && !live)
      return known.digest
    const digest = yield* read(transcript, live)
    this.#stale = true
    if (live) index.delete(run)
    else index.set(run, { size, mtime, digest })
    return digest
  }

  #loadIndex(): Map<string, Entry> {
    if (this.#index !== undefined) return this.#index
    try {
      const { entries } = Index.parse(
        JSON.parse(readText(join(this.root, 'index.json'), MAX_OWN_FILE)),
      )
      this.#index = new Map(Object.entries(entries))
    } catch {
      this.#index = new Map()
    }
    return this.#index
  }

  #saveIndex(): void {
    if (this.#index === undefined || !this.#stale) return
    const names = new Set(this.#names())
    const entries = Object.fromEntries([...this.#index].filter(([run]) => names.has(run)))
    try {
      writeAtomic(
        join(this.root, 'index.json'),
        JSON.stringify({ version: INDEX_VERSION, entries }),
      )
      this.#stale = false
    } catch {
      // This is only a cache: without it, the next list reads the runs again.
    }
  }

  #move(run: string, from: string, to: string): void {
    try {
      // Check all files before moving the first.
      const moves = MOVED.map(
        (suffix) => [runFile(from, run, suffix), runFile(to, run, suffix)] as const,
      )
      for (const [old, target] of moves) if (existsSync(old)) renameSync(old, target)
    } catch (error) {
      throw diskError(error, 'Moving a run')
    }
  }

  /**
   * Removes leftovers of earlier starts: format 1 originals of rewritten transcripts, and temporary
   * files of processes that were killed. Errors of the file system end it; it is not urgent.
   */
  #sweep(now = Date.now()): void {
    try {
      for (const name of readdirSync(this.root)) {
        const file = join(this.root, name)
        const stat = lstat(file)
        if (stat?.isFile() !== true) continue
        const old = PART.test(name) && now - stat.mtimeMs > DAY_MS
        if (old || this.#isOriginal(name)) rmSync(file, { force: true })
      }
    } catch {
      // Everything stays until a later start.
    }
  }

  /** Returns whether a file is the format 1 original of a transcript, which is still there. */
  #isOriginal(name: string): boolean {
    if (!name.endsWith(SUFFIX.format1)) return false
    const run = name.slice(0, -SUFFIX.format1.length)
    return isRunId(run) && !isForeign(join(this.root, run + SUFFIX.transcript))
  }
}

function isForeign(file: string): boolean {
  return lstat(file)?.isFile() !== true
}

function* read(file: string, live: boolean): Generator<void, RunDigest> {
  let state = EMPTY_RUN
  try {
    for (const { events } of readEvents(file)) {
      state = applyEvents(state, events.map(withoutText))
      yield
    }
    return digestOf(state, live)
  } catch (error) {
    return damaged(state, error)
  }
}

/** Returns the digest of a damaged run. `state` is what could be read. */
function damaged(state: RunState, error: unknown): RunDigest {
  const damage = error instanceof Error ? error.message : String(error)
  return { ...digestOf(state, false), status: 'damaged', damage }
}
