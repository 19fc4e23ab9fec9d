import { useEffect } from 'react'
import type { Fit } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { bytes } from '../i18n/format.ts'
import { loadFit, useModels } from '../store/models.ts'
import { Tip } from '../ui/Tip.tsx'

export const FIT_LOOK = { fits: 'ok', 'may-be-slow': 'warn', 'wont-fit': 'bad' } as const

export function Verdict({ verdict }: { verdict: Fit['verdict'] }) {
  const t = useT()
  return (
    <span className={`pill ${FIT_LOOK[verdict]}`} data-fit={verdict}>
      {t(`fit.${verdict}`)}
    </span>
  )
}

/** Shows whether a run with the model's default settings fits in memory. */
export function FitPill({ file }: { file: string }) {
  const t = useT()
  const fit = useModels((s) => s.fits[file])
  const list = useModels((s) => s.list)
  useEffect(() => {
    void loadFit(file)
  }, [file, list])
  if (fit === undefined) return null
  const text = `${t('fit.needs', { total: bytes(fit.total), free: bytes(fit.free) })}${fit.short === undefined ? '' : ` · ${t('fit.short', { device: fit.short.device, bytes: bytes(fit.short.bytes) })}`}`
  return (
    <Tip text={text}>
      <span
        className="fit-pill"
        tabIndex={0}
        role="note"
        aria-label={`${t(`fit.${fit.verdict}`)}: ${text}`}
      >
        <Verdict verdict={fit.verdict} />
      </span>
    </Tip>
  )
}
