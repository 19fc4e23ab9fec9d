import {
  ArrowDown,
  ArrowUp,
  Copy,
  FoldVertical,
  GitBranch,
  Microscope,
  Plus,
  Square,
  Trash2,
  Undo2,
} from 'lucide-react'
import { isOpen, pathsKept, type Segment } from '../../engine/protocol/fold.ts'
import { framedText } from '../../engine/protocol/frame.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { copyText } from '../store/clipboard.ts'
import { foldsOf, isUnfolded } from '../store/folds.ts'
import { go, useRoute } from '../store/route.ts'
import { command } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { activate, unfold, useUi } from '../store/ui.ts'
import { pathFor, stateOf, whyNoRun, whyNotSteer, whyNotContinue } from './target.ts'
import type { Command, Target } from './types.ts'

const whyNoPath = (target: Target) =>
  whyNoRun(target) ?? (pathFor(target) === undefined ? 'why.noPath' : null)
const whyNotSteerPath = (target: Target) =>
  whyNotSteer(target) ??
  whyNoPath(target) ??
  (pathFor(target)!.status === 'dropped' ? 'why.dropped' : null)

/**
 * Returns the tokens that Continue adds: half of the path's budget, at least 64, and what is left of
 * the budget of a path that was stopped early.
 */
export const extension = (path: Pick<Segment, 'budget' | 'tokens' | 'status'>): number => {
  const { budget, tokens } = path
  const left = isOpen(path) ? 0 : budget - tokens.length
  return Math.max(64, Math.round(budget / 2), left)
}

/** Returns where a path can continue: before the token with which it finished, if it did. */
const endOf = ({ tokens, reason }: Segment): number =>
  reason === 'finished' ? tokens.length - 1 : tokens.length

function move(target: Target, by: 1 | -1): void {
  const paths = pathsKept(stateOf(target)!)
  if (paths.length === 0) return
  const index = paths.findIndex((path) => path.segment === target.path)
  // From a dropped path, the first or the last one.
  const from = index < 0 && by < 0 ? 0 : index
  const next = paths[(from + by + paths.length) % paths.length]!.segment
  activate(target.run!, next)
  const { route } = useRoute.getState()
  if (route.view === 'inspect') go({ ...route, segment: next }, { replace: true })
  else focusLane(next)
}

/** Puts the focus into the text of a path once it is drawn, within this many frames. */
function focusLane(segment: SegmentId, frames = 1): void {
  requestAnimationFrame(() => {
    const lane = document.querySelector<HTMLElement>(`[data-lane='${segment}'] .stream-scroll`)
    if (lane !== null) lane.focus()
    else if (frames > 1) focusLane(segment, frames - 1)
  })
}

/** Returns the path to take back: the one at hand if it was dropped, else the last dropped one. */
function restorable(target: Target): Segment | undefined {
  const path = pathFor(target)
  if (path?.status === 'dropped') return path
  return stateOf(target)?.paths.findLast(({ status }) => status === 'dropped')
}

/** Branches a path with another token and shows the new path, whose id the engine returns. */
export async function fork(
  run: string,
  segment: SegmentId,
  at: number,
  token: number,
): Promise<void> {
  const opened = await command(run, { type: 'branch', segment, at, token })
  if (opened.segment !== undefined) activate(run, opened.segment)
  go({ view: 'run', run })
}

export const pathCommands: Command[] = [
  {
    id: 'path.stop',
    title: 'cmd.path.stop',
    group: 'path',
    icon: Square,
    shortcut: 'Alt+S',
    why: (target) => whyNotSteerPath(target) ?? (isOpen(pathFor(target)!) ? null : 'why.pathOver'),
    run: (target) => report(command(target.run!, { type: 'stop', segment: target.path! })),
  },
  {
    id: 'path.extend',
    title: 'cmd.path.extend',
    group: 'path',
    icon: Plus,
    shortcut: 'Alt+E',
    why: (target) =>
      whyNotSteerPath(target) ??
      whyNotContinue(target) ??
      (pathFor(target)!.reason === 'finished' ? 'why.finished' : null),
    run: (target) =>
      report(
        command(target.run!, {
          type: 'extend',
          segment: target.path!,
          tokens: extension(pathFor(target)!),
        }),
      ),
  },
  {
    id: 'path.branch',
    title: 'cmd.path.branch',
    group: 'path',
    icon: GitBranch,
    why: (target) =>
      whyNotSteerPath(target) ??
      whyNotContinue(target) ??
      (pathFor(target)!.tokens.length > 0 ? null : 'why.noText'),
    run: (target) =>
      report(
        command(target.run!, {
          type: 'branch',
          segment: target.path!,
          at: endOf(pathFor(target)!),
        }),
      ),
  },
  {
    id: 'path.drop',
    title: 'cmd.path.drop',
    group: 'path',
    icon: Trash2,
    shortcut: 'Alt+X',
    why: whyNotSteerPath,
    run: (target) => report(command(target.run!, { type: 'drop', segment: target.path! })),
  },
  {
    id: 'path.restore',
    title: 'cmd.path.restore',
    group: 'path',
    icon: Undo2,
    shortcut: 'Alt+Shift+X',
    why: (target) =>
      whyNotSteer(target) ?? (restorable(target) === undefined ? 'why.noneDropped' : null),
    run: (target) => {
      const { segment } = restorable(target)!
      activate(target.run!, segment)
      report(command(target.run!, { type: 'restore', segment }))
      focusLane(segment, 60) // the line with the button goes once the engine has answered
    },
  },
  {
    id: 'path.inspect',
    title: 'cmd.path.inspect',
    group: 'path',
    icon: Microscope,
    shortcut: 'Alt+I',
    why: whyNoPath,
    run: (target) => go({ view: 'inspect', run: target.run!, segment: target.path!, at: null }),
  },
  {
    id: 'path.copy',
    title: 'cmd.path.copy',
    group: 'path',
    icon: Copy,
    why: whyNoPath,
    run: (target) => report(copyText(framedText(pathFor(target)!))),
  },
  {
    id: 'path.fold',
    title: 'cmd.path.fold',
    group: 'path',
    icon: FoldVertical,
    shortcut: 'Alt+F',
    why: (target) =>
      whyNoRun(target) ?? (foldsOf(stateOf(target)!).length === 0 ? 'why.noFolds' : null),
    run: ({ run, ...target }) => {
      const folds = foldsOf(stateOf({ run, ...target })!)
      const { unfolded, active } = useUi.getState()
      const opened = unfolded[run!] ?? []
      const all = folds.every((fold) => isUnfolded(fold, opened, active[run!]?.path))
      unfold(
        run!,
        all ? [] : folds.map(({ parent }) => parent),
        all ? folds.flatMap((one) => one.all) : [],
      )
    },
  },
  {
    id: 'path.next',
    title: 'cmd.path.next',
    group: 'path',
    icon: ArrowDown,
    shortcut: 'Alt+J',
    why: whyNoPath,
    run: (target) => move(target, 1),
  },
  {
    id: 'path.previous',
    title: 'cmd.path.previous',
    group: 'path',
    icon: ArrowUp,
    shortcut: 'Alt+K',
    why: whyNoPath,
    run: (target) => move(target, -1),
  },
]
