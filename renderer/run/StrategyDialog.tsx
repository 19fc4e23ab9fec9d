import { useState } from 'react'
import { placeOf } from '../../engine/protocol/events.ts'
import type { Strategy } from '../../engine/protocol/request.ts'
import { numbersFor, strategiesFor } from '../../engine/protocol/shapes.ts'
import { startAgain } from '../commands/start.ts'
import { useT } from '../i18n/index.ts'
import { refusalWords } from '../i18n/wording.ts'
import { draftOf } from '../store/compose.ts'
import { go } from '../store/route.ts'
import { useRuns, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { closeDialog } from '../store/ui.ts'
import { Dialog } from '../ui/Dialog.tsx'

/** Runs the same problem and seed with another strategy and shows both runs side by side. */
export function StrategyDialog({ run }: { run: string }) {
  const t = useT()
  const settings = useShown(run, (s) => s.settings)
  const model = useShown(run, (s) => s.model)
  const others = strategiesFor(model?.forks !== undefined).filter(
    (strategy) => strategy !== settings?.strategy,
  )
  const [strategy, setStrategy] = useState<Strategy>(others[0]!)
  if (settings === null || model === null) return null
  const file = placeOf(model)
  const whyNot = (one: Strategy) => refusalWords(model.capabilities, { ...settings, strategy: one })
  const start = () => {
    const { paths, runs, ...rest } = settings
    const draft = {
      ...draftOf(useRuns.getState().open[run]!.shown),
      settings: { ...rest, ...numbersFor(strategy, { paths, runs }), strategy },
    }
    report(
      startAgain(draft, file).then(
        (other) => other !== null && go({ view: 'compare-runs', runs: [run, other] }),
      ),
    )
    closeDialog()
  }
  return (
    <Dialog
      title={t('cmd.otherStrategy')}
      onClose={closeDialog}
      footer={
        <>
          <button type="button" className="btn" onClick={closeDialog}>
            {t('action.cancel')}
          </button>
          <button type="button" className="btn primary" onClick={start}>
            {t('cmd.start')}
          </button>
        </>
      }
    >
      <fieldset className="plain-fieldset col">
        <legend>{t('compose.strategy')}</legend>
        {others.map((one) => (
          <label key={one} className="check top">
            <input
              type="radio"
              name="strategy"
              disabled={whyNot(one) !== null}
              checked={one === strategy}
              onChange={() => setStrategy(one)}
            />
            <span>
              <strong>{t(`strategy.${one}`)}</strong>
              <br />
              <span className="small dim">{whyNot(one) ?? t(`strategy.${one}.help`)}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </Dialog>
  )
}
