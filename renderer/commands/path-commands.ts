import { ArrowDown, ArrowUp, Copy, GitBranch, Microscope, Plus, Square, Trash2 } from 'lucide-react'
import { isOpen, type Segment } from '../../engine/protocol/fold.ts'
import { framedText } from '../../engine/protocol/frame.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { copyText } from '../store/clipboard.ts'
import { go, useRoute } from '../store/route.ts'
import { command } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { activate } from '../store/ui.ts'
import { pathFor, stateOf, whyNoRun, whyNotSteer } from './target.ts'
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
  const paths = stateOf(target)!.paths
  const index = paths.findIndex((path) => path.segment === target.path)
  const next = paths[(index + by + paths.length) % paths.length]!.segment
  activate(target.run!, next)
  const { route } = useRoute.getState()
  if (route.view === 'inspect') go({ ...route, segment: next }, { replace: true })
  else
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>(`[data-lane='${next}'] .stream-scroll`)?.focus(),
    ) // once it is drawn
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
      whyNotSteerPath(target) ?? (pathFor(target)!.reason === 'finished' ? 'why.finished' : null),
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
      whyNotSteerPath(target) ?? (pathFor(target)!.tokens.length > 0 ? null : 'why.noText'),
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
