import { escapeControls } from '../../protocol/controls.ts'
import { fail } from '../../protocol/errors.ts'
import type { RunEvent, SegmentId } from '../../protocol/events.ts'
import { allSegments, foldRun, type RunState } from '../../protocol/fold.ts'
import { MAX_EXPORT } from '../../protocol/limits.ts'
import type { RunStore } from '../store.ts'
import { exportHtml } from './html.ts'
import { exportJson } from './json.ts'
import { exportMarkdown } from './markdown.ts'

export const FORMATS = ['md', 'json', 'html'] as const
export type Format = (typeof FORMATS)[number]

/** A run as the exporters receive it. */
export interface ExportedRun {
  run: string
  title: string
  tags: string[]
  starred: boolean
  /** Includes the alternatives, if they were recorded. */
  events: RunEvent[]
  state: RunState
}

export interface Export {
  fileName: string
  mimeType: string
  content: string
}

const KINDS: Record<Format, { mimeType: string; write: (runs: ExportedRun[]) => string }> = {
  md: { mimeType: 'text/markdown', write: exportMarkdown },
  json: { mimeType: 'application/json', write: exportJson },
  html: { mimeType: 'text/html', write: exportHtml },
}

/**
 * Exports one run, or several for comparison: problem, settings, model, every path and summary,
 * votes and seeds. Control characters of the texts are escaped. Throws `out-of-range` if the file
 * would be too large.
 */
export function exportRuns(store: RunStore, runs: readonly string[], format: Format): Export {
  const { mimeType, write } = KINDS[format]
  let room = MAX_EXPORT
  const loaded = runs.map((run) => {
    const one = load(store, run, format === 'json')
    room -= allSegments(one.state).reduce((sum, { text }) => sum + text.length, 0)
    if (room < 0) throw tooLarge(store)
    return one
  })
  const [only] = loaded
  const name = loaded.length === 1 ? fileNameOf(only!) : `braid-${runs.length}-runs`
  try {
    return { fileName: `${name}.${format}`, mimeType, content: escapeControls(write(loaded)) }
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(store) // longer than a string can be
    throw error
  }
}

/**
 * Returns the name of a run's file, without its ending: its title, as far as every file system takes
 * it, and the day of the run.
 */
export function fileNameOf({ title, run }: Pick<ExportedRun, 'title' | 'run'>): string {
  const words = title
    .normalize('NFC')
    // Control and format characters, surrogates without a partner, and what Windows reserves.
    .replace(/[\p{C}<>:"/\\|?*\s]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
  const short = [...words]
    .slice(0, 60)
    .join('')
    .replace(/[-.]+$/, '')
  return short === '' ? `braid-${run}` : `${short}-${run.split('-')[0]}`
}

const tooLarge = ({ root }: RunStore) => fail('out-of-range/export', { folder: root })

function load(store: RunStore, run: string, alternatives: boolean): ExportedRun {
  const { title, tags, starred } = store.summary(run)
  const events = store.events(run)
  const state = foldRun(events, { live: store.isLive(run) })
  return {
    run,
    title,
    tags,
    starred,
    events: alternatives ? withAlternatives(store, run, events) : events,
    state,
  }
}

function withAlternatives(store: RunStore, run: string, events: RunEvent[]): RunEvent[] {
  const counts = new Map<SegmentId, number>()
  return events.map((event) => {
    if (event.type === 'segment-started' && event.source.type === 'branch')
      counts.set(event.segment, event.source.at as number)
    if (event.type !== 'tokens') return event
    const { segment, tokens } = event
    const index = counts.get(segment) ?? 0
    counts.set(segment, index + tokens.length)
    const found = store.alternatives(run, segment, index, tokens.length)
    if (found.every((one) => one === null)) return event
    return {
      ...event,
      tokens: tokens.map((token, i) => (found[i] ? { ...token, alternatives: found[i] } : token)),
    }
  })
}
