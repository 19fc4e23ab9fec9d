import { Fragment, useRef, type CSSProperties } from 'react'
import { EMPTY_RUN } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useFolds } from '../store/folds.ts'
import { usePrefs } from '../store/prefs.ts'
import { useRuns } from '../store/runs.ts'
import { activate, useUi } from '../store/ui.ts'
import { MANY, useColumns } from './columns.ts'
import { DroppedPaths, useDropped } from './DroppedPaths.tsx'
import { useT } from '../i18n/index.ts'
import { shortName } from '../i18n/segments.ts'
import { useShallow } from 'zustand/react/shallow'
import { Lane } from './Lane.tsx'
import { StatusDot, StatusPill } from './LaneHead.tsx'

/** Returns the paths of a run. The array stays the same until a path is added. */
export const usePaths = (run: string): SegmentId[] =>
  useRuns(useShallow((s) => s.open[run]?.shown.paths.map(({ segment }) => segment) ?? []))

/** Shows all paths in the layout that the user chose. */
export function Lanes({ run }: { run: string }) {
  const all = usePaths(run)
  const dropped = useDropped(run)
  const { hidden } = useFolds(run)
  const paths = all.filter((path) => !dropped.includes(path) && !hidden.has(path))
  return (
    <>
      <KeptLanes run={run} paths={paths} />
      <DroppedPaths run={run} />
    </>
  )
}

function KeptLanes({ run, paths }: { run: string; paths: SegmentId[] }) {
  const layout = usePrefs((s) => s.layout)
  const chosen = useUi((s) => s.active[run]?.path)
  const active = chosen !== undefined && paths.includes(chosen) ? chosen : paths[0]
  if (active === undefined) return null
  if (layout === 'focus' && paths.length > 1)
    return <FocusLayout run={run} paths={paths} active={active} />
  if (layout === 'tabs') return <TabsLayout run={run} paths={paths} active={active} />
  return <GridLayout run={run} paths={paths} />
}

function GridLayout({ run, paths }: { run: string; paths: SegmentId[] }) {
  const t = useT()
  const grid = useRef<HTMLDivElement>(null)
  const rounds = useRounds(run, paths)
  const columns = useColumns(grid, paths.length)
  return (
    <div
      ref={grid}
      className={`lanes grid ${rounds.size > 0 ? 'rounds' : ''} ${paths.length > MANY ? 'many' : ''}`}
      style={columns === null ? undefined : ({ '--columns': columns } as CSSProperties)}
    >
      {paths.map((path) => (
        <Fragment key={path}>
          {rounds.has(path) && (
            <h3 className="round">{t('lanes.round', { round: rounds.get(path)! })}</h3>
          )}
          <Lane run={run} segment={path} />
        </Fragment>
      ))}
    </div>
  )
}

/** Returns the number of each round of a run by the shown path that begins it; empty if there are none. */
function useRounds(run: string, shown: readonly SegmentId[]): ReadonlyMap<SegmentId, number> {
  const firsts = useRuns(
    useShallow((s) => {
      const { paths: all, settings } = s.open[run]?.shown ?? EMPTY_RUN
      if ((settings?.rounds ?? 1) < 2) return []
      const paths = all.filter(({ segment }) => shown.includes(segment))
      return paths.flatMap(({ segment, group }, i) =>
        group === paths[i - 1]?.group ? [] : [`${segment} ${group}`],
      )
    }),
  )
  return new Map(
    firsts
      .map((first) => first.split(' ') as [SegmentId, string])
      .map(([path, n]) => [path, Number(n)]),
  )
}

/** Only styles decide which lane is large, so no lane re-renders and each keeps its focus and reading place. */
function FocusLayout({
  run,
  paths,
  active,
}: {
  run: string
  paths: SegmentId[]
  active: SegmentId
}) {
  return (
    <div className="lanes focus scroll" style={{ '--others': paths.length - 1 } as CSSProperties}>
      {paths.map((path) => (
        <Lane key={path} run={run} segment={path} main={path === active} />
      ))}
    </div>
  )
}

function TabsLayout({
  run,
  paths,
  active,
}: {
  run: string
  paths: SegmentId[]
  active: SegmentId
}) {
  const t = useT()
  const onKey = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const next = paths[(paths.indexOf(active) + step + paths.length) % paths.length]!
    activate(run, next)
    event.currentTarget.querySelector<HTMLElement>(`#tab-${next}`)?.focus()
  }
  return (
    <div className="lanes tabs">
      <div
        role="tablist"
        aria-label={t('lanes.tabs')}
        className={`tabstrip scroll ${paths.length > MANY ? 'bare' : ''}`}
        onKeyDown={onKey}
      >
        {paths.map((path) => (
          <button
            key={path}
            id={`tab-${path}`}
            type="button"
            role="tab"
            aria-selected={path === active}
            aria-controls="tabpanel"
            tabIndex={path === active ? 0 : -1}
            data-segment={path}
            onClick={() => activate(run, path)}
          >
            <span className="pathno">{shortName(path)}</span>
            {paths.length > MANY ? (
              <StatusDot run={run} segment={path} />
            ) : (
              <StatusPill run={run} segment={path} />
            )}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tabpanel" aria-labelledby={`tab-${active}`} className="tabpanel">
        <Lane key={active} run={run} segment={active} />
      </div>
    </div>
  )
}
