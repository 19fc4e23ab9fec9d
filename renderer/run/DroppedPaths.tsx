import { Microscope, Undo2 } from 'lucide-react'
import { memo } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { numberOf, type SegmentId } from '../../engine/protocol/segments.ts'
import { runCommand } from '../commands/catalogue.ts'
import { useWhy } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { useRuns, useSegmentField } from '../store/runs.ts'

/** Returns the dropped paths of a run, in order. */
export const useDropped = (run: string): SegmentId[] =>
  useRuns(
    useShallow(
      (s) =>
        s.open[run]?.shown.paths.flatMap(({ segment, status }) =>
          status === 'dropped' ? [segment] : [],
        ) ?? [],
    ),
  )

/** The dropped paths of a run, each in one line from which it can be taken back. `plain`: without buttons. */
export const DroppedPaths = memo(function DroppedPaths({
  run,
  plain = false,
}: {
  run: string
  plain?: boolean
}) {
  const t = useT()
  const paths = useDropped(run)
  if (paths.length === 0) return null
  return (
    <ul className="dropped-paths" aria-label={t('dropped.title')}>
      {paths.map((path) => (
        <DroppedPath key={path} run={run} segment={path} plain={plain} />
      ))}
    </ul>
  )
})

function DroppedPath({ run, segment, plain }: { run: string; segment: SegmentId; plain: boolean }) {
  const t = useT()
  const count = useSegmentField(run, segment, (path) => path?.tokens.length ?? 0)
  const path = numberOf(segment)
  const tokens = t('unit.tokens', { count, shown: integer(count) })
  const line = <span data-status="dropped">{t('dropped.line', { path, tokens })}</span>
  if (plain) return <li data-segment={segment}>{line}</li>
  return (
    <li data-lane={segment} data-segment={segment}>
      {line}
      <button
        type="button"
        className="btn quiet icon tiny"
        aria-label={t('lane.inspect', { path })}
        onClick={() => runCommand('path.inspect', { run, path: segment })}
      >
        <Microscope size={13} />
      </button>
      <Undo run={run} segment={segment} />
    </li>
  )
}

function Undo({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const why = useWhy('path.restore', { run, path: segment })
  return (
    <button
      type="button"
      className="btn tiny"
      aria-disabled={why !== null}
      aria-label={t('dropped.undoPath', { path: numberOf(segment) })}
      title={why === null ? t('cmd.path.restore') : t(why)}
      onClick={() => runCommand('path.restore', { run, path: segment })}
    >
      <Undo2 size={13} />
      {t('dropped.undo')}
    </button>
  )
}
