import type { ReactElement } from 'react'
import { endOf, firstOf, forkTree, tipOf, type ForkNode } from '../../engine/protocol/forks.ts'
import { isOpen, type RunState, type Segment } from '../../engine/protocol/fold.ts'
import { useT } from '../i18n/index.ts'
import { shortName } from '../i18n/segments.ts'
import { activate } from '../store/ui.ts'
import { visible } from '../ui/visible.ts'

const WIDTH = 320
const LEFT = 8
const LABEL = 214
const ROW = 22
const TOP = 12

/**
 * Draws a text that forks: positions from left to right, a row for each child under the text that it is
 * of, and the text going on in its own row behind its longest child.
 */
export function ForkOverview({ run, state }: { run: string; state: RunState }) {
  const t = useT()
  const tree = forkTree(state.paths)
  const rows = rowsOf(tree)
  const row = new Map(rows.map(({ path }, i) => [path.segment, TOP + i * ROW]))
  const y = (node: ForkNode) => row.get(firstOf(node).path.segment)!
  const longest = Math.max(...[...tree.values()].map(endOf), 1)
  const x = (position: number) => LEFT + (position / longest) * (LABEL - LEFT - 8)
  const shapes: ReactElement[] = []
  for (const node of tree.values()) {
    const { path, children, next } = node
    const [from, to, at] = [x(node.start + (path.parent?.at ?? 0)), x(endOf(node)), y(node)]
    shapes.push(
      <line
        key={path.segment}
        x1={from}
        y1={at}
        x2={Math.max(to, from + 1)}
        y2={at}
        className="branch"
        data-segment={path.segment}
        onClick={() => activate(run, path.segment)}
      />,
    )
    for (const child of children.map(({ segment }) => tree.get(segment)!)) {
      shapes.push(
        <path key={`f${child.path.segment}`} d={`M${to} ${at}V${y(child)}`} className="reads" />,
      )
      if (next === undefined) continue
      const way = `M${x(endOf(tipOf(child)))} ${y(child)}H${x(next.start)}V${at}`
      shapes.push(<path key={`j${child.path.segment}`} d={way} className="reads" />)
    }
  }
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${TOP * 2 + (rows.length - 1) * ROW}`}
      className="overview-svg"
      role="img"
      aria-label={[
        t('overview.forkTitle'),
        ...[...tree.values()].flatMap(({ path, children }) =>
          children.length === 0
            ? []
            : [
                t('overview.forks', {
                  path: shortName(path.segment),
                  paths: children.map(({ segment }) => shortName(segment)).join(', '),
                }),
              ],
        ),
      ].join('. ')}
    >
      {shapes}
      {rows.map((node) => (
        <Label key={node.path.segment} node={node} run={run} y={y(node)} />
      ))}
    </svg>
  )
}

/** Returns the texts in the order of their rows: each, then its children with theirs. */
function rowsOf(tree: ReadonlyMap<string, ForkNode>): ForkNode[] {
  const rows: ForkNode[] = []
  const left = [...tree.values()].filter(
    (node) => node.first === undefined && node.path.entry === null,
  )
  const below = (node: ForkNode) => {
    const children: ForkNode[] = []
    for (let at: ForkNode | undefined = node; at !== undefined; at = at.next)
      children.push(...at.children.flatMap(({ segment }) => tree.get(segment) ?? []))
    return children
  }
  while (left.length > 0) {
    const node = left.shift()!
    rows.push(node)
    left.unshift(...below(node))
  }
  return rows
}

function Label({ node, run, y }: { node: ForkNode; run: string; y: number }) {
  const t = useT()
  const { path } = tipOf(node)
  return (
    <g className="leaf" data-segment={path.segment} onClick={() => activate(run, path.segment)}>
      <text x={LABEL + 4} y={y + 4} className="leaf-text">
        <tspan className="leaf-no">
          {node.path.entry === null ? t('overview.text') : visible(node.path.entry)}
        </tspan>{' '}
        {stateOf(path, t)}
      </text>
    </g>
  )
}

const stateOf = (path: Segment, t: ReturnType<typeof useT>): string =>
  isOpen(path) ? '…' : t(`status.${path.status}`)
