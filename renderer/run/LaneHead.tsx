import { GitBranch, Microscope, MoreHorizontal } from 'lucide-react'
import { createContext, memo, use } from 'react'
import { meanLogprob } from '../../engine/protocol/fold.ts'
import { runCommand } from '../commands/catalogue.ts'
import { useT } from '../i18n/index.ts'
import { duration, integer } from '../i18n/format.ts'
import { usePathField } from '../store/runs.ts'
import { Menu, MenuCommand, MenuSeparator } from '../ui/Menu.tsx'
import { Sparkline } from '../ui/Sparkline.tsx'
import { Tip } from '../ui/Tip.tsx'
import { useMeter, type Meter } from './meter.ts'
import { reasonKey, STATUS_LOOK, statusKey } from './status.ts'

/** The figures change several times a second: only what shows one is drawn anew. */
const MeterContext = createContext<Meter | null>(null)
const useLaneMeter = (): Meter => use(MeterContext)!

/** Number, state, actions and figures of a path. */
export const LaneHead = memo(function LaneHead({ run, path }: { run: string; path: number }) {
  const meter = useMeter(run, path, 1)
  return (
    <header className="lane-head">
      {meter !== null && (
        <MeterContext value={meter}>
          <Rows run={run} path={path} />
        </MeterContext>
      )}
    </header>
  )
})

const Rows = memo(function Rows({ run, path }: { run: string; path: number }) {
  const t = useT()
  const parent = usePathField(run, path, (state) => state?.parent ?? null)
  return (
    <>
      <div className="row">
        <h3 className="pathno">{t('lane.name', { path })}</h3>
        {parent !== null && (
          <Tip text={t('lane.branchOf', { path: parent.path, at: parent.at })}>
            <span className="pill">
              <GitBranch size={11} aria-hidden />
              {parent.path}
            </span>
          </Tip>
        )}
        <StatusPill run={run} path={path} />
        <span className="grow" />
        <Speed />
        <Tools run={run} path={path} />
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
        <Used run={run} path={path} />
      </div>
    </>
  )
})

export const StatusPill = memo(function StatusPill({ run, path }: { run: string; path: number }) {
  const t = useT()
  const status = usePathField(run, path, (state) => state?.status)
  const reason = usePathField(run, path, (state) => state?.reason ?? null)
  const error = usePathField(run, path, (state) => state?.error?.message)
  if (status === undefined) return null
  const text = t(statusKey(status))
  const more = error ?? (reason === null ? text : t(reasonKey(reason)))
  return (
    <Tip text={more}>
      <span className={`pill ${STATUS_LOOK[status]}`} data-status={status}>
        {text}
      </span>
    </Tip>
  )
})

const Tools = memo(function Tools({ run, path }: { run: string; path: number }) {
  const t = useT()
  return (
    <>
      <Tip text={t('cmd.path.inspect')}>
        <button
          type="button"
          className="btn quiet icon tiny"
          aria-label={t('lane.inspect', { path })}
          onClick={() => runCommand('path.inspect', { run, path })}
        >
          <Microscope size={14} />
        </button>
      </Tip>
      <Menu
        trigger={
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-label={t('lane.actions', { path })}
          >
            <MoreHorizontal size={14} />
          </button>
        }
      >
        {['path.stop', 'path.extend', 'path.branch', 'path.drop'].map((id) => (
          <MenuCommand key={id} id={id} target={{ run, path }} />
        ))}
        <MenuSeparator />
        {['path.inspect', 'path.copy'].map((id) => (
          <MenuCommand key={id} id={id} target={{ run, path }} />
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
  const mean = meanLogprob(useLaneMeter().stream)
  return t('lane.confidence', { mean: mean === null ? '–' : mean.toFixed(2) })
}

const ConfidenceText = () => useConfidenceText()
const Confidence = () => (
  <Sparkline values={useLaneMeter().confidence} label={useConfidenceText()} />
)

function FirstToken() {
  const { firstTokenAt, startedAt } = useLaneMeter().stream
  return firstTokenAt === null ? '–' : duration(firstTokenAt - startedAt)
}

function Used({ run, path }: { run: string; path: number }) {
  const t = useT()
  const used = useLaneMeter().stream.tokens.length
  const budget = usePathField(run, path, (state) => state?.budget ?? 0)
  return (
    <>
      <span
        className="bar"
        role="meter"
        aria-label={t('lane.budget')}
        aria-valuemin={0}
        aria-valuemax={budget}
        aria-valuenow={Math.min(used, budget)}
      >
        <span style={{ inlineSize: `${Math.min(100, (100 * used) / Math.max(1, budget))}%` }} />
      </span>
      <span className="lane-count">
        {integer(used)} / {integer(budget)}
      </span>
    </>
  )
}
