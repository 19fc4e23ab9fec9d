import { useT } from '../i18n/index.ts'
import { bytes, integer } from '../i18n/format.ts'
import { useCompose } from '../store/compose.ts'

const LOOK = { fits: 'ok', 'may-be-slow': 'warn', 'wont-fit': 'bad' } as const

/** The memory that the run needs against what is free, before it starts. */
export function FitBar() {
  const t = useT()
  const fit = useCompose((s) => s.fit)
  const error = useCompose((s) => s.fitError)
  if (error !== null) return <p className="callout warn small" dir="auto">{error.message}</p>
  if (fit === null) return <div className="fit" />
  const scale = Math.max(fit.total, fit.free, 1)
  const part = (size: number) => ({ inlineSize: `${(100 * size) / scale}%` })
  return (
    <div className="fit" role="group" aria-label={t('fit.title')}>
      <div className="row small">
        <span className={`pill ${LOOK[fit.verdict]}`} data-fit={fit.verdict}>{t(`fit.${fit.verdict}`)}</span>
        <span className="num">{t('fit.needs', { total: bytes(fit.total), free: bytes(fit.free) })}</span>
        <span className="dim num grow ellipsis">{t('fit.parts', { weights: bytes(fit.weights), kv: bytes(fit.kv), cells: integer(fit.cells), compute: bytes(fit.compute) })}</span>
      </div>
      <div className="fit-bar" aria-hidden>
        <span className="fit-weights" style={part(fit.weights)} /><span className="fit-kv" style={part(fit.kv)} /><span className="fit-compute" style={part(fit.compute)} />
        {fit.free < scale && <span className="fit-limit" style={{ insetInlineStart: `${(100 * fit.free) / scale}%` }} />}
      </div>
      {fit.short !== undefined && <p className="small bad-text">{t('fit.short', { device: fit.short.device, bytes: bytes(fit.short.bytes) })}</p>}
    </div>
  )
}
