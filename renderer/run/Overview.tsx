import { Fragment, memo, useEffect, useState, type ReactElement } from 'react'
import { showsValues } from '../../engine/protocol/question.ts'
import {
  EMPTY_RUN,
  isOpen,
  pathsKept,
  type RunState,
  type Segment,
} from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { forksText } from '../../engine/protocol/shapes.ts'
import { useT } from '../i18n/index.ts'
import { shortName } from '../i18n/segments.ts'
import { useRuns } from '../store/runs.ts'
import { activate, useUi } from '../store/ui.ts'
import { plainAnswer } from '../ui/AnswerText.tsx'
import { visible } from '../ui/visible.ts'
import { DroppedPaths } from './DroppedPaths.tsx'
import { ForkOverview } from './ForkOverview.tsx'
import { grownPaths } from '../ui/control-tokens.ts'
import { pathTree, type Stretch } from './tree.ts'

const WIDTH = 320
const LEFT = 8
const LEAF = 208
const ROW = 22
const TOP = 12
const BEND = 12

/**
 * Returns the shown state at its first tokens, then once per second and at the end of the run, since the drawing walks all tokens of the common
 * prefix.
 */
function useCalm(run: string): RunState {
  const [state, setState] = useState<RunState>(
    () => useRuns.getState().open[run]?.shown ?? EMPTY_RUN,
  )
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let seen = EMPTY_RUN
    const read = () => {
      timer = undefined
      seen = useRuns.getState().open[run]?.shown ?? EMPTY_RUN
      setState(seen)
    }
    read()
    const stop = useRuns.subscribe((s) => {
      timer ??= setTimeout(read, 1000)
      const now = s.open[run]?.shown ?? EMPTY_RUN
      // What there is first is drawn at once.
      if (now.status === seen.status && hasGrown(now) === hasGrown(seen)) return
      clearTimeout(timer)
      read()
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [run])
  return state
}

/** Asked at every change, so it reads no tokens. */
const hasGrown = ({ paths }: RunState): boolean => grownPaths(paths).length > 0

/**
 * Draws the paths as a tree: their common prefix is the trunk, they branch where they diverge, and their answers are
 * the leaves. Of what paths of a later round read, only the lines of the path under the pointer or of the active one
 * stand out.
 */
export const Overview = memo(function Overview({ run }: { run: string }) {
  const t = useT()
  const state = useCalm(run)
  const active = useUi((s) => s.active[run]?.path ?? null)
  const [pointed, setPointed] = useState<SegmentId | null>(null)
  const reader = pointed ?? active
  const paths = pathsKept(state)
  const trees = roundsOf(paths, state).flatMap((round) => pathTree(round) ?? [])
  const [tree] = trees
  if (forksText(state) && paths.length > 0)
    return (
      <div className="overview">
        <ForkOverview run={run} state={state} />
        <DroppedPaths run={run} plain />
      </div>
    )
  if (tree === undefined)
    return (
      <div className="body overview">
        <p className="dim">{t('overview.none')}</p>
        <DroppedPaths run={run} plain />
      </div>
    )
  const order = trees.flatMap(leaves)
  const row = new Map(order.map((path, i) => [path, TOP + i * ROW]))
  const height = TOP * 2 + (order.length - 1) * ROW
  const longest = Math.max(...paths.map((path) => path.tokens.length), 1)
  // Paths diverge early, so the square root gives the beginning more room.
  const x = (position: number) => LEFT + 6 + Math.sqrt(position / longest) * (LEAF - LEFT - 20)
  const y = (node: Stretch): number => (row.get(node.paths[0]!)! + row.get(node.paths.at(-1)!)!) / 2
  const byPath = new Map(paths.map((path) => [path.segment, path]))
  const shapes: ReactElement[] = []
  /** The x position where the line of each path ends. */
  const ends = new Map<SegmentId, number>()
  for (const one of trees) draw(one, x, y, shapes, ends)
  const roots = trees.map((one) => y({ ...one, paths: leaves(one) }))
  const arrows = order.flatMap((path) =>
    byPath.get(path)!.reads.flatMap((read) => {
      const from = row.get(read)
      return from === undefined ? [] : [{ path, read, from, to: row.get(path)! }]
    }),
  )
  return (
    <div className="overview">
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        className="overview-svg"
        role="img"
        aria-label={trees.map((one) => describe(one, state, t)).join('. ')}
      >
        <defs>
          <marker
            id="reads-head"
            viewBox="0 0 6 6"
            refX="6"
            refY="3"
            markerWidth="5"
            markerHeight="5"
            orient="auto"
          >
            <path d="M0 0L6 3L0 6z" className="reads-head" />
          </marker>
        </defs>
        {arrows.map(({ path, read, from, to }) => (
          <path
            key={`${read}-${path}`}
            d={`M${LEAF} ${from}C${LEAF - 40} ${(from + to) / 2} ${LEFT + 60} ${(from + to) / 2} ${x(0)} ${to}`}
            className={path === reader ? 'reads shown' : 'reads'}
            markerEnd={path === reader ? 'url(#reads-head)' : undefined}
            data-segment={path}
            data-reads={read}
          />
        ))}
        {roots.map((root, i) => (
          <Fragment key={i}>
            <circle cx={LEFT} cy={root} r="3" className="node" />
            <line x1={LEFT} y1={root} x2={x(0)} y2={root} className="trunk" />
          </Fragment>
        ))}
        {shapes}
        {order.map((path) => (
          <Leaf
            key={path}
            run={run}
            path={byPath.get(path)!}
            values={showsValues(state)}
            x={Math.min(LEAF, ends.get(path)!)}
            y={row.get(path)!}
            onPoint={setPointed}
          />
        ))}
      </svg>
      <p className="small dim">
        {tree.paths.length > 1 ? t('overview.shared', { count: tree.to }) : t('overview.single')}
        {tree.text !== '' && (
          <bdi className="mono"> …{visible(tree.text.replace(/\s+/g, ' '))}</bdi>
        )}
      </p>
      <DroppedPaths run={run} plain />
    </div>
  )
})

/** Returns the paths of each round; all in one if the run has no rounds. */
function roundsOf(paths: readonly Segment[], { settings }: RunState): Segment[][] {
  if ((settings?.rounds ?? 1) < 2) return [[...paths]]
  const groups = new Map<number, Segment[]>()
  for (const path of paths) {
    const group = groups.get(path.group ?? 1)
    if (group === undefined) groups.set(path.group ?? 1, [path])
    else group.push(path)
  }
  return [...groups.values()]
}

const leaves = (node: Stretch): SegmentId[] =>
  node.children.length === 0 ? node.paths : node.children.flatMap(leaves)

function draw(
  node: Stretch,
  x: (at: number) => number,
  y: (node: Stretch) => number,
  shapes: ReactElement[],
  ends: Map<SegmentId, number>,
  from = x(node.from),
): void {
  const [to, at] = [Math.max(from, x(node.to)), y({ ...node, paths: leaves(node) })]
  for (const path of node.children.length === 0 ? node.paths : []) ends.set(path, to)
  const own = node.paths.length === 1
  shapes.push(
    <line
      key={shapes.length} // an empty stretch of a path may stand twice
      x1={from}
      y1={at}
      x2={to}
      y2={at}
      className={own ? 'branch' : 'trunk'}
      data-segment={own ? node.paths[0] : undefined}
    />,
  )
  for (const child of node.children) {
    const end = y({ ...child, paths: leaves(child) })
    const bend = to + BEND
    shapes.push(
      <path
        key={shapes.length}
        d={`M${to} ${at}C${bend} ${at} ${to} ${end} ${bend} ${end}`}
        className={child.paths.length === 1 ? 'branch' : 'trunk'}
        data-segment={child.paths.length === 1 ? child.paths[0] : undefined}
      />,
    )
    draw(child, x, y, shapes, ends, bend)
  }
}

function Leaf({
  run,
  path,
  values,
  x,
  y,
  onPoint,
}: {
  run: string
  path: Segment
  /** Whether the run shows values. */
  values: boolean
  x: number
  y: number
  /** Called with the path when the pointer comes, and with null when it leaves. */
  onPoint: (path: SegmentId | null) => void
}) {
  const t = useT()
  const answer =
    values && path.answer !== null
      ? plainAnswer(path.answer.text)
      : isOpen(path)
        ? '…'
        : t(`status.${path.status}`)
  return (
    <g
      className="leaf"
      data-segment={path.segment}
      onClick={() => activate(run, path.segment)}
      onPointerEnter={() => onPoint(path.segment)}
      onPointerLeave={() => onPoint(null)}
    >
      <line x1={x} y1={y} x2={LEAF} y2={y} className="leaf-line" />
      <circle cx={x} cy={y} r="3" className="leaf-dot" />
      <text x={LEAF + 6} y={y + 4} className="leaf-text">
        <tspan className="leaf-no">{shortName(path.segment)}</tspan> {visible(answer).slice(0, 16)}
      </text>
    </g>
  )
}

function describe(tree: Stretch, { paths }: RunState, t: ReturnType<typeof useT>): string {
  const parts = (node: Stretch): string[] =>
    node.children.length === 0
      ? []
      : [
          t('overview.part', { paths: node.paths.map(shortName).join(', '), at: node.to }),
          ...node.children.flatMap(parts),
        ]
  const reads = paths
    .filter((path) => path.reads.length > 0 && tree.paths.includes(path.segment))
    .map((path) =>
      t('overview.reads', {
        path: shortName(path.segment),
        paths: path.reads.map(shortName).join(', '),
      }),
    )
  return [t('overview.title'), ...parts(tree), ...reads].join('. ')
}
