import { memo, useEffect, useState, type ReactElement } from 'react'
import { showsValues } from '../../engine/protocol/question.ts'
import { isStated } from '../../engine/protocol/answers/statements.ts'
import {
  EMPTY_RUN,
  isOpen,
  pathsKept,
  type RunState,
  type Segment,
} from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useT } from '../i18n/index.ts'
import { shortName } from '../i18n/segments.ts'
import { useRuns } from '../store/runs.ts'
import { activate } from '../store/ui.ts'
import { plainAnswer } from '../ui/AnswerText.tsx'
import { visible } from '../ui/visible.ts'
import { DroppedPaths } from './DroppedPaths.tsx'
import { pathTree, type Stretch } from './tree.ts'

const WIDTH = 320
const LEFT = 8
const LEAF = 208
const ROW = 22
const TOP = 12
const BEND = 12

/**
 * Returns the shown state once per second and at the end of the run, since the drawing walks all tokens of the common
 * prefix.
 */
function useCalm(run: string): RunState {
  const [state, setState] = useState<RunState>(
    () => useRuns.getState().open[run]?.shown ?? EMPTY_RUN,
  )
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let status: RunState['status']
    const read = () => {
      timer = undefined
      const shown = useRuns.getState().open[run]?.shown ?? EMPTY_RUN
      status = shown.status
      setState(shown)
    }
    read()
    const stop = useRuns.subscribe((s) => {
      timer ??= setTimeout(read, 1000)
      if ((s.open[run]?.shown ?? EMPTY_RUN).status === status) return
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

/**
 * Draws the paths as a tree: their common prefix is the trunk, they branch where they diverge, and their answers are
 * the leaves.
 */
export const Overview = memo(function Overview({ run }: { run: string }) {
  const t = useT()
  const state = useCalm(run)
  const paths = pathsKept(state)
  const tree = pathTree(paths)
  if (tree === null)
    return (
      <div className="body overview">
        <p className="dim">{t('overview.none')}</p>
        <DroppedPaths run={run} plain />
      </div>
    )
  const order = leaves(tree)
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
  draw(tree, x, y, shapes, ends)
  const root = y({ ...tree, paths: order })
  return (
    <div className="overview">
      <svg
        viewBox={`0 0 ${WIDTH} ${height}`}
        className="overview-svg"
        role="img"
        aria-label={describe(tree, t)}
      >
        <circle cx={LEFT} cy={root} r="3" className="node" />
        <line x1={LEFT} y1={root} x2={x(0)} y2={root} className="trunk" />
        {shapes}
        {order.map((path) => (
          <Leaf
            key={path}
            run={run}
            path={byPath.get(path)!}
            values={showsValues(state)}
            x={Math.min(LEAF, ends.get(path)!)}
            y={row.get(path)!}
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
      key={`${node.paths[0]}-${node.from}-${node.to}`}
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
        key={`b${child.paths[0]}-${child.from}`}
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
}: {
  run: string
  path: Segment
  /** Whether the run shows values. */
  values: boolean
  x: number
  y: number
}) {
  const t = useT()
  const answer =
    (values && isStated(path) ? plainAnswer(path.answer!.text) : null) ??
    (isOpen(path) ? '…' : t(`status.${path.status}`))
  return (
    <g className="leaf" data-segment={path.segment} onClick={() => activate(run, path.segment)}>
      <line x1={x} y1={y} x2={LEAF} y2={y} className="leaf-line" />
      <circle cx={x} cy={y} r="3" className="leaf-dot" />
      <text x={LEAF + 6} y={y + 4} className="leaf-text">
        <tspan className="leaf-no">{shortName(path.segment)}</tspan> {visible(answer).slice(0, 16)}
      </text>
    </g>
  )
}

function describe(tree: Stretch, t: ReturnType<typeof useT>): string {
  const parts = (node: Stretch): string[] =>
    node.children.length === 0
      ? []
      : [
          t('overview.part', { paths: node.paths.map(shortName).join(', '), at: node.to }),
          ...node.children.flatMap(parts),
        ]
  return [t('overview.title'), ...parts(tree)].join('. ')
}
