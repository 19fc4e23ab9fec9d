import { fail } from '../../engine/protocol/errors.ts'
import { ruleOf } from '../../engine/protocol/shapes.ts'
import { useEffect, useState } from 'react'
import type { KvType } from '../../engine/protocol/request.ts'
import type { Fit } from '../../engine/protocol/wire.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { bytes, integer } from '../i18n/format.ts'
import { errorWords, failureWords } from '../i18n/wording.ts'
import { Verdict } from '../models/FitPill.tsx'
import {
  asked,
  chosenInfo,
  editSettings,
  effective,
  refreshFit,
  tooLong,
  useCompose,
} from '../store/compose.ts'
import { host } from '../store/host.ts'
import { usePrefs } from '../store/prefs.ts'
import { report, toast } from '../store/toasts.ts'
import { Field } from './Field.tsx'

/** Interval at which a run that does not fit is checked again, since other programs may free memory. */
const RETRY_MS = 3000

/** Says whether the run fits the model's context and the free memory, and follows the settings as they change. */
export function FitBar() {
  const t = useT()
  const fit = useCompose((s) => s.fit)
  const prompt = useCompose((s) => (tooLong(s) ? s.promptTokens : null))
  const error = useCompose((s) => s.fitError)
  const settings = useCompose((s) => s.settings)
  const model = usePrefs((s) => s.model)
  const full = effective(settings, chosenInfo())
  const short = fit?.verdict === 'wont-fit'
  useEffect(() => {
    if (!short) return undefined
    const timer = setInterval(() => void refreshFit(), RETRY_MS)
    return () => clearInterval(timer)
  }, [short])
  if (error !== null)
    return (
      <p className="callout warn small" dir="auto">
        {errorWords(error)}
      </p>
    )
  if (fit === null) return model === '' ? null : <div className="fit" />
  // What a server needs is not taken here.
  if (chosenInfo()?.capabilities !== undefined) return null
  return (
    <div className="fit" role="group" aria-label={t('fit.title')}>
      {prompt === null ? (
        <div className="row small">
          <Verdict verdict={fit.verdict} />
          {fit.verdict !== 'fits' && (
            <span className="num">
              {t('fit.needs', { total: bytes(fit.total), free: bytes(fit.free) })}
            </span>
          )}
        </div>
      ) : (
        <p className="callout bad small" role="alert">
          {failureWords(
            fail('context-too-small/positions', {
              prompt: integer(prompt),
              positions: integer(fit.positions ?? 0),
            }),
          )}
        </p>
      )}
      {fit.short !== undefined && (
        <div className="callout bad small">
          <span className="grow">
            {fit.devices.length > 1
              ? t('fit.shortOn', { device: fit.short.device, bytes: bytes(fit.short.bytes) })
              : t('fit.short', { bytes: bytes(fit.short.bytes) })}{' '}
            {t(adviceOn(fit, full !== null && !ruleOf(full.strategy).paths))}
          </span>
          <CommandButton id="compose.startAnyway" look="tiny" />
        </div>
      )}
    </div>
  )
}

/** Shows what takes the memory, on each device. */
function FitParts({ fit }: { fit: Fit }) {
  const t = useT()
  const scale = Math.max(fit.total, fit.free, 1)
  const part = (size: number) => ({ inlineSize: `${(100 * size) / scale}%` })
  return (
    <div className="fit-parts">
      <div className="row wrap small">
        <span className="num" data-fit-total={Math.round(fit.total)}>
          {t('fit.needs', { total: bytes(fit.total), free: bytes(fit.free) })}
        </span>
        <span className="dim num">
          {t('fit.parts', {
            weights: bytes(fit.weights),
            kv: bytes(fit.kv),
            cells: integer(fit.cells),
            compute: bytes(fit.compute),
          })}
        </span>
      </div>
      <div className="fit-bar" aria-hidden>
        <span className="fit-weights" style={part(fit.weights)} />
        <span className="fit-kv" style={part(fit.kv)} />
        <span className="fit-compute" style={part(fit.compute)} />
        {fit.free < scale && (
          <span
            className="fit-limit"
            style={{ insetInlineStart: `${(100 * fit.free) / scale}%` }}
          />
        )}
      </div>
      {fit.devices.length > 1 &&
        fit.devices.map((device) => (
          <p key={device.name} className="small dim num">
            {t('fit.device', {
              name: device.name,
              weights: bytes(device.weights),
              kv: bytes(device.kv),
              compute: bytes(device.compute),
              free: bytes(device.free),
            })}
          </p>
        ))}
    </div>
  )
}

/** What takes the memory, the cache type, and the largest run that fits. */
export function FitTools() {
  const t = useT()
  const fit = useCompose((s) => s.fit)
  const settings = useCompose((s) => s.settings)
  const model = usePrefs((s) => s.model)
  const [asking, setAsking] = useState(false)
  const full = effective(settings, chosenInfo())
  const most = async (of: 'paths' | 'budget') => {
    setAsking(true)
    try {
      const { promptTokens } = useCompose.getState()
      const { value } = await host.call('models.most', {
        file: model,
        settings: asked(settings),
        promptTokens: promptTokens ?? 0,
        of,
      })
      if (value === 0)
        toast({ kind: 'bad', message: [of === 'paths' ? 'fit.noPaths' : 'fit.noBudget'] })
      else editSettings({ [of]: value })
    } catch (failure) {
      toast({ kind: 'bad', message: ['error.plain', { message: failureWords(failure) }] })
    } finally {
      setAsking(false)
    }
  }
  if (fit === null || full === null) return null
  if (chosenInfo()?.capabilities !== undefined) return null
  return (
    <div className="col fit-tools">
      <FitParts fit={fit} />
      <div className="row wrap small">
        <Field label={t('fit.kvType')} hint={t('fit.kvHelp')}>
          <select
            className="select"
            value={full.engine.kvType}
            onChange={(event) => editSettings({ engine: { kvType: event.target.value as KvType } })}
          >
            {(['f32', 'f16', 'q8_0', 'q4_0'] as const).map((type) => (
              <option key={type} value={type}>{`${type} · ${bytes(fit.kvByType[type])}`}</option>
            ))}
          </select>
        </Field>
        {/^q/.test(full.engine.kvType) && (
          <span className={full.engine.flashAttention === 'off' ? 'bad-text' : 'dim'}>
            {t('fit.needsFlash')}
          </span>
        )}
        <span className="grow" />
        {full.strategy !== 'sequential' && (
          <button
            type="button"
            className="btn tiny"
            disabled={asking}
            onClick={() => report(most('paths'))}
          >
            {t('fit.mostPaths')}
          </button>
        )}
        <button
          type="button"
          className="btn tiny"
          disabled={asking}
          onClick={() => report(most('budget'))}
        >
          {t('fit.longestBudget')}
        </button>
      </div>
    </div>
  )
}

/** Returns the advice for a run that does not fit. */
function adviceOn({ short, devices }: Fit, onePath: boolean) {
  const device = devices.find(({ name }) => name === short?.device)
  if (device !== undefined && device.weights > device.free) return 'fit.adviceWeights' as const
  return onePath ? ('fit.adviceOnePath' as const) : ('fit.advicePaths' as const)
}
