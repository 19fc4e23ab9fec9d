import {
  MAX_BUDGET,
  MAX_PATHS,
  MAX_PATIENCE,
  MIN_PROBE_EVERY,
  StopRule,
  Weight,
  type RunSettings,
} from '../../engine/protocol/request.ts'
import { STOP_DEFAULTS } from '../../engine/protocol/settings.ts'
import { ruleOf } from '../../engine/protocol/shapes.ts'
import { useT } from '../i18n/index.ts'
import { editSettings } from '../store/compose.ts'
import { Field } from './Field.tsx'
import { NumberField } from './NumberField.tsx'

/** How a strategy that votes counts, and when it stops before all paths have ended. */
export function VoteFields({ full }: { full: RunSettings }) {
  const t = useT()
  const { strategy, vote, weight, stop, sure, wave, probeEvery, patience, finish } = full
  if (!ruleOf(strategy).votes) return null
  return (
    <>
      <Field label={t('adv.vote')} hint={t('adv.voteHelp')}>
        <select
          className="select"
          value={vote}
          onChange={(event) => editSettings({ vote: event.target.value as RunSettings['vote'] })}
        >
          <option value="equality">{t('vote.equality')}</option>
          <option value="text">{t('vote.text')}</option>
        </select>
      </Field>
      <Field label={t('adv.weight')} hint={t(`weight.${weight ?? 'none'}.help`)}>
        <select
          className="select"
          value={weight ?? 'none'}
          onChange={({ target }) =>
            editSettings({ weight: Weight.options.find((one) => one === target.value) })
          }
        >
          {(['none', ...Weight.options] as const).map((one) => (
            <option key={one} value={one}>
              {t(`weight.${one}`)}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t('adv.stop')} hint={t(`stop.${stop ?? 'none'}.help`)}>
        <select
          className="select"
          value={stop ?? 'none'}
          onChange={({ target }) =>
            editSettings({ stop: StopRule.options.find((one) => one === target.value) })
          }
        >
          {(['none', ...StopRule.options] as const).map((one) => (
            <option key={one} value={one}>
              {t(`stop.${one}`)}
            </option>
          ))}
        </select>
      </Field>
      {stop === 'decided' && (
        <>
          <NumberField
            label={t('adv.sure')}
            hint={t('adv.sureHelp')}
            value={sure ?? STOP_DEFAULTS.sure}
            min={0.5}
            max={0.9999}
            fraction
            onChange={(sure) => editSettings({ sure })}
          />
          <NumberField
            label={t('adv.wave')}
            hint={t('adv.waveHelp')}
            value={wave ?? STOP_DEFAULTS.wave}
            min={1}
            max={MAX_PATHS}
            onChange={(wave) => editSettings({ wave })}
          />
        </>
      )}
      {stop === 'stable' && (
        <>
          <NumberField
            label={t('adv.probeEvery')}
            hint={t('adv.probeEveryHelp')}
            value={probeEvery ?? STOP_DEFAULTS.probeEvery}
            min={MIN_PROBE_EVERY}
            max={MAX_BUDGET}
            onChange={(probeEvery) => editSettings({ probeEvery })}
          />
          <NumberField
            label={t('adv.patience')}
            hint={t('adv.patienceHelp')}
            value={patience ?? STOP_DEFAULTS.patience}
            min={1}
            max={MAX_PATIENCE}
            onChange={(patience) => editSettings({ patience })}
          />
        </>
      )}
      {ruleOf(strategy).single && (
        <NumberField
          label={t('adv.first')}
          hint={t('adv.firstHelp')}
          value={typeof finish === 'number' ? finish : 0}
          min={0}
          max={MAX_PATHS}
          onChange={(first) => editSettings({ finish: first === 0 ? undefined : first })}
        />
      )}
    </>
  )
}
