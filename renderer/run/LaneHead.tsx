import {
  Check,
  Circle,
  CircleDot,
  CornerDownRight,
  GitBranch,
  Microscope,
  MoreHorizontal,
  Scissors,
  Square,
  Trash2,
  X,
  Zap,
  type LucideIcon,
} from 'lucide-react'
import { createContext, memo, use } from 'react'
import { meanLogprob, type SegmentStatus } from '../../engine/protocol/fold.ts'
import { numberOf, type SegmentId } from '../../engine/protocol/segments.ts'
import { runCommand } from '../commands/catalogue.ts'
import { useT } from '../i18n/index.ts'
import { duration, integer } from '../i18n/format.ts'
import { segmentName, shortName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { useSegmentField } from '../store/runs.ts'
import { Menu, MenuCommand, MenuSeparator } from '../ui/Menu.tsx'
import { Sparkline } from '../ui/Sparkline.tsx'
import { Tip } from '../ui/Tip.tsx'
import { visible } from '../ui/visible.ts'
import { useMeter, type Meter } from './meter.ts'
import { reasonKey, STATUS_LOOK, statusKey } from './status.ts'

/** The figures change every second, so only the parts that show one re-render. */
const MeterContext = createContext<Meter | null>(null)
const useLaneMeter = (): Meter => use(MeterContext)!

/** Shows number, state, actions and figures of a path. */
export const LaneHead = memo(function LaneHead({
  run,
  segment,
}: {
  run: string
  segment: SegmentId
}) {
  const meter = useMeter(run, segment)
  return (
    <header className="lane-head">
      {meter !== null && (
        <MeterContext value={meter}>
          <Rows run={run} segment={segment} />
        </MeterContext>
      )}
    </header>
  )
})

const NONE: readonly SegmentId[] = []

const Rows = memo(function Rows({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const parent = useSegmentField(run, segment, (state) => state?.parent ?? null)
  const reads = useSegmentField(run, segment, (state) => state?.reads ?? NONE)
  const entry = useSegmentField(run, segment, (state) => state?.entry ?? null)
  return (
    <>
      <div className="row">
        <h3 className="pathno">{segmentName(segment)}</h3>
        {parent !== null && (
          <Tip
            text={
              entry === null
                ? t('lane.branchOf', { path: shortName(parent.segment), at: parent.at })
                : t('lane.entry', { path: shortName(parent.segment), entry: visible(entry) })
            }
          >
            <span className="pill">
              <GitBranch size={11} aria-hidden />
              {shortName(parent.segment)}
              {entry !== null && ` · ${visible(entry)}`}
            </span>
          </Tip>
        )}
        {reads.length > 0 && (
          <Tip text={t('lane.reads', { paths: reads.map(shortName).join(', ') })}>
            <span className="pill">
              <CornerDownRight size={11} aria-hidden />
              {reads.map(shortName).join(' ')}
            </span>
          </Tip>
        )}
        <StatusPill run={run} segment={segment} />
        <span className="grow" />
        <Speed />
        <Tools run={run} segment={segment} />
      </div>
      <div className="row lane-figures num">
        <Tip text={<ConfidenceText />}>
          <span className="spark-box" tabIndex={-1}>
            <Confidence />
          </span>
        </Tip>
        <Tip text={t('lane.firstToken')}>
          <span>
            <FirstToken />
          </span>
        </Tip>
        <Used run={run} segment={segment} />
      </div>
    </>
  )
})

export const StatusPill = memo(function StatusPill({
  run,
  segment,
}: {
  run: string
  segment: SegmentId
}) {
  const t = useT()
  const status = useSegmentField(run, segment, (state) => state?.status)
  const reason = useSegmentField(run, segment, (state) => state?.reason ?? null)
  const error = useSegmentField(run, segment, (state) => state?.error ?? null)
  if (status === undefined) return null
  const text = t(statusKey(status))
  const more = error !== null ? errorWords(error) : reason === null ? text : t(reasonKey(reason))
  return (
    <Tip text={more}>
      <span className={`pill ${STATUS_LOOK[status]}`} data-status={status}>
        {text}
      </span>
    </Tip>
  )
})

const DOTS: Record<SegmentStatus, LucideIcon> = {
  waiting: Circle,
  thinking: CircleDot,
  done: Check,
  truncated: Scissors,
  stopped: Square,
  failed: X,
  dropped: Trash2,
  interrupted: Zap,
}

/** The state of a path as a sign, with the word as its name, where many stand side by side. */
export const StatusDot = memo(function StatusDot({
  run,
  segment,
}: {
  run: string
  segment: SegmentId
}) {
  const t = useT()
  const status = useSegmentField(run, segment, (state) => state?.status)
  if (status === undefined) return null
  const [Dot, name] = [DOTS[status], t(statusKey(status))]
  return (
    <span
      className={`status-dot ${STATUS_LOOK[status]}`}
      role="img"
      aria-label={name}
      title={name}
      data-status={status}
    >
      <Dot size={12} aria-hidden />
    </span>
  )
})

const Tools = memo(function Tools({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  return (
    <>
      <Tip text={t('cmd.path.inspect')}>
        <button
          type="button"
          className="btn quiet icon tiny"
          aria-label={t('lane.inspect', { path: numberOf(segment) })}
          onClick={() => runCommand('path.inspect', { run, path: segment })}
        >
          <Microscope size={14} />
        </button>
      </Tip>
      <Menu
        trigger={
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-label={t('lane.actions', { path: numberOf(segment) })}
          >
            <MoreHorizontal size={14} />
          </button>
        }
      >
        {['path.stop', 'path.extend', 'path.branch', 'path.drop'].map((id) => (
          <MenuCommand key={id} id={id} target={{ run, path: segment }} />
        ))}
        <MenuSeparator />
        {['path.inspect', 'path.copy'].map((id) => (
          <MenuCommand key={id} id={id} target={{ run, path: segment }} />
        ))}
      </Menu>
    </>
  )
})

function Speed() {
  const t = useT()
  const { speed } = useLaneMeter()
  return (
    <span className="num small dim">
      {speed === null ? '–' : t('unit.speed', { speed: speed.toFixed(speed < 10 ? 1 : 0) })}
    </span>
  )
}

function useConfidenceText(): string {
  const t = useT()
  const mean = meanLogprob(useLaneMeter().state)
  return t('lane.confidence', { mean: mean === null ? '–' : mean.toFixed(2) })
}

const ConfidenceText = () => useConfidenceText()
const Confidence = () => (
  <Sparkline values={useLaneMeter().confidence} label={useConfidenceText()} />
)

function FirstToken() {
  const { firstTokenAt, startedAt } = useLaneMeter().state
  return firstTokenAt === null ? '–' : duration(firstTokenAt - startedAt)
}

function Used({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const used = useLaneMeter().state.tokens.length
  const budget = useSegmentField(run, segment, (state) => state?.budget ?? 0)
  return (
    <>
      <span
        className="bar"
        role="meter"
        aria-label={t('lane.budget')}
        aria-valuemin={0}
        aria-valuemax={budget}
        aria-valuenow={Math.min(used, budget)}
        title={`${integer(used)} / ${integer(budget)}`}
      >
        <span style={{ inlineSize: `${Math.min(100, (100 * used) / Math.max(1, budget))}%` }} />
      </span>
      <span className="lane-count">
        {integer(used)} / {integer(budget)}
      </span>
    </>
  )
}
