import type { RunSettings } from '../../engine/protocol/request.ts'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { nextSettings } from '../store/next-turn.ts'
import { usePrefs } from '../store/prefs.ts'
import { BUILT_IN, presetOf } from '../store/presets.ts'
import { useUi } from '../store/ui.ts'
import { visible } from '../ui/visible.ts'
import { Field } from './Field.tsx'
import { PresetOptions } from './PresetField.tsx'

/** Says which preset, paths and system prompt the next turn has, and opens the fields that change them. */
export function NextTurnLine({
  run,
  before,
  open,
  onOpen,
}: {
  run: string
  before: RunSettings
  open: boolean
  onOpen(open: boolean): void
}) {
  const t = useT()
  const own = usePrefs((s) => s.presets)
  const change = useUi((s) => s.nextTurns[run])
  const next = { ...before, ...nextSettings(run, before) }
  const preset = change?.preset ?? presetOf(before, own)
  const name =
    BUILT_IN.find((one) => one.id === preset) !== undefined
      ? t(`preset.${preset as (typeof BUILT_IN)[number]['id']}`)
      : own.find((one) => one.id === preset)?.name
  return (
    <button
      type="button"
      className="btn quiet tiny ask-facts"
      aria-expanded={open}
      onClick={() => onOpen(!open)}
    >
      <span className="ellipsis">
        {name !== undefined && `${visible(name)} · `}
        {t('facts.shape', {
          paths: next.paths,
          budget: integer(next.budget),
          count: next.paths,
        })}{' '}
        ·{' '}
        <bdi>
          {next.system
            ? t('ask.system', { text: visible(next.system.slice(0, 60)) })
            : t('ask.noSystem')}
        </bdi>
      </span>
    </button>
  )
}

/** The preset and the system prompt of the next turn. */
export function NextTurnFields({ run, before }: { run: string; before: RunSettings }) {
  const t = useT()
  const change = useUi((s) => s.nextTurns[run]) ?? {}
  const set = (next: typeof change) =>
    useUi.setState(({ nextTurns }) => ({ nextTurns: { ...nextTurns, [run]: next } }))
  return (
    <div className="ask-fields">
      <Field label={t('compose.preset')}>
        <select
          className="select"
          value={change.preset ?? ''}
          onChange={({ target }) => {
            const { preset: _, ...rest } = change
            set(target.value === '' ? rest : { ...rest, preset: target.value })
          }}
        >
          <option value="">{t('ask.asBefore')}</option>
          <PresetOptions />
        </select>
      </Field>
      <Field label={t('adv.system')} hint={t('ask.systemHelp')}>
        <textarea
          className="textarea"
          rows={2}
          dir="auto"
          value={nextSettings(run, before).system}
          onChange={({ target }) => set({ ...change, system: target.value })}
        />
      </Field>
    </div>
  )
}
