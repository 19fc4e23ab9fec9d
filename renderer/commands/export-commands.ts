import { ClipboardCopy, FileCode, FileJson, FileText, Quote } from 'lucide-react'
import { answeringProgram, decidingSummary, spokenText } from '../../engine/protocol/deciding.ts'
import type { RunState } from '../../engine/protocol/fold.ts'
import { framedText } from '../../engine/protocol/frame.ts'
import { showsValues } from '../../engine/protocol/question.ts'
import type { Params } from '../../engine/protocol/wire.ts'
import { copyText } from '../store/clipboard.ts'
import { host } from '../store/host.ts'
import { saveFile } from '../store/shell.ts'
import { report, toast } from '../store/toasts.ts'
import { stateOf, summaryFor, whyNoRun } from './target.ts'
import type { Command, Target } from './types.ts'
import { useRuns } from '../store/runs.ts'

type Format = Params<'runs.export'>['format']

/** Exports one run, or several as one comparison. */
export async function exportRuns(runs: readonly string[], format: Format): Promise<void> {
  const file = await host.call('runs.export', { runs: [...runs], format })
  if (await saveFile({ name: file.fileName, mimeType: file.mimeType, content: file.content }))
    toast({ message: ['exported', { name: file.fileName }] })
}

const whyNotExport = (target: Target) =>
  whyNoRun(target) ??
  (useRuns.getState().open[target.run!]!.sample
    ? ('why.sample' as const)
    : host.state === 'open'
      ? null
      : ('why.disconnected' as const))

export const exportCommands: Command[] = [
  {
    id: 'export.md',
    title: 'cmd.exportMd',
    group: 'export',
    icon: FileText,
    why: whyNotExport,
    run: ({ run }) => report(exportRuns([run!], 'md')),
  },
  {
    id: 'export.html',
    title: 'cmd.exportHtml',
    group: 'export',
    icon: FileCode,
    why: whyNotExport,
    run: ({ run }) => report(exportRuns([run!], 'html')),
  },
  {
    id: 'export.json',
    title: 'cmd.exportJson',
    group: 'export',
    icon: FileJson,
    why: whyNotExport,
    run: ({ run }) => report(exportRuns([run!], 'json')),
  },
  {
    id: 'copy.answer',
    title: 'cmd.copyAnswer',
    group: 'export',
    icon: Quote,
    shortcut: 'Mod+Shift+C',
    why: (target) => whyNoRun(target) ?? (answerOf(target) === null ? 'why.noAnswer' : null),
    run: (target) => report(copyText(answerOf(target)!)),
  },
  {
    id: 'copy.summary',
    title: 'cmd.copySummary',
    group: 'export',
    icon: ClipboardCopy,
    why: (target) =>
      whyNoRun(target) ?? (summaryFor(target) === undefined ? 'why.noSummary' : null),
    run: (target) => report(copyText(framedText(summaryFor(target)!))),
  },
  {
    id: 'copy.run',
    title: 'cmd.copyRun',
    group: 'export',
    icon: ClipboardCopy,
    why: whyNotExport,
    run: ({ run }) =>
      report(
        host
          .call('runs.export', { runs: [run!], format: 'md' })
          .then(({ content }) => copyText(content)),
      ),
  },
]

/** Returns the program that is the answer, as it ran; null if none is. */
function programOf(state: RunState): string | null {
  return answeringProgram(state)?.program.source.trimEnd() ?? null
}

/**
 * Returns the answer of the shown summary if it does not decide the run; otherwise the program that
 * is the answer, or else the run's answer, which a vote or the user may have set.
 */
function answerOf(target: Target): string | null {
  const state = stateOf(target)
  const summary = summaryFor(target)
  if (state === undefined) return null
  const decides = target.summary === (decidingSummary(state)?.segment ?? null)
  const program = decides ? programOf(state) : null
  if (program !== null) return program
  const own =
    summary === undefined || showsValues(state)
      ? (summary?.answer?.text ?? null)
      : spokenText(summary, state) || null
  return decides ? (state.answer ?? own) : own
}
