import { ChevronRight } from 'lucide-react'
import { useEffect } from 'react'
import { nothingToCount } from '../../engine/protocol/question.ts'
import {
  AnswerBy,
  MAX_JUDGEMENTS,
  MAX_ROUNDS,
  QuestionKind,
  type FinishRule,
  type RunSettings,
  type Strategy,
} from '../../engine/protocol/request.ts'
import { numberOf, roleOf } from '../../engine/protocol/segments.ts'
import { asksForVotes, strategiesFor, ruleOf, takesAnswerBy } from '../../engine/protocol/shapes.ts'
import type { ModelInfo } from '../../engine/protocol/wire.ts'
import { ownEntry } from '../../engine/protocol/own.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { displayShortcut } from '../commands/keys.ts'
import { useT } from '../i18n/index.ts'
import { duration, integer } from '../i18n/format.ts'
import { errorWords, refusalWords } from '../i18n/wording.ts'
import { useAttachments } from '../store/attachments.ts'
import { edit, editSettings, effective, refreshFit, useCompose } from '../store/compose.ts'
import { costOf } from '../store/cost.ts'
import { useHistory } from '../store/history.ts'
import { isInfo, useModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { useUi } from '../store/ui.ts'
import { visible } from '../ui/visible.ts'
import { AttachButton, attachPaste, Attachments } from './Attachments.tsx'
import { AdvancedFields } from './AdvancedFields.tsx'
import { Field } from './Field.tsx'
import { ContextMeter } from './ContextMeter.tsx'
import { FitBar, FitTools } from './FitBar.tsx'
import { Examples, OutsideGame, Teach, Welcome } from './FirstMinute.tsx'
import { ModelPicker } from './ModelPicker.tsx'
import { NumberField } from './NumberField.tsx'
import { PresetField } from './PresetField.tsx'
import './composer.css'

type Question = NonNullable<RunSettings['question']>

/** The form that starts a run: problem, model, strategy and settings, and whether the run fits in memory. */
export function Composer() {
  const t = useT()
  const { problem, settings, followUp, versionOf, error } = useCompose()
  const version = useHistory((s) => s.list?.find(({ run }) => run === versionOf)?.title)
  const model = usePrefs((s) => s.model)
  const infos = useModels((s) => s.infos)
  const found = ownEntry(infos, model)
  const info = isInfo(found) ? found : null
  const runsPrograms = usePrefs((s) => s.runPrograms)
  const full = effective(settings, info)
  const open = useUi((s) => s.settingsOpen)
  const attached = useAttachments((s) => s[''])
  useEffect(() => {
    const timer = setTimeout(() => void refreshFit(), 150)
    return () => clearTimeout(timer)
  }, [model, info, settings, problem, followUp, attached])
  const limit =
    info === null || settings.reuseTokens === true || info.nativePaths === 0 ? 64 : info.nativePaths
  return (
    <div className="compose-view scroll">
      <Welcome />
      <Teach first />
      <form
        className="composer panel"
        aria-label={t('compose.title')}
        onSubmit={(event) => event.preventDefault()}
      >
        {followUp === null && versionOf !== null && (
          <div className="callout info small row">
            <span className="grow">
              {t('compose.versionOf')} <bdi>{visible(version ?? versionOf)}</bdi>
            </span>
            <button
              type="button"
              className="btn quiet tiny"
              onClick={() => edit({ versionOf: null })}
            >
              {t('compose.noVersion')}
            </button>
          </div>
        )}
        {followUp !== null && (
          <div className="callout info small row">
            <span className="grow">
              {roleOf(followUp.segment) === 'summary'
                ? t('compose.followUp', { version: numberOf(followUp.segment) })
                : t('compose.followUpPath', { path: numberOf(followUp.segment) })}{' '}
              <bdi>{visible(followUp.title)}</bdi>
            </span>
            <button
              type="button"
              className="btn quiet tiny"
              onClick={() => edit({ followUp: null, versionOf: null })}
            >
              {t('compose.noFollowUp')}
            </button>
          </div>
        )}
        <div className="field">
          <label className="label" htmlFor="problem">
            {t('compose.problem')}
          </label>
          <textarea
            id="problem"
            className="textarea problem"
            rows={4}
            dir="auto"
            autoFocus
            value={problem}
            maxLength={1 << 20}
            placeholder={t('compose.placeholder')}
            onChange={(event) => edit({ problem: event.target.value })}
            onPaste={(event) => attachPaste('', event, t('attach.pasted'))}
          />
          <div className="row">
            <AttachButton to="" />
            <span className="grow" />
            <span className="hint">{t('compose.keys', { key: displayShortcut('Mod+Enter') })}</span>
          </div>
          <Attachments of="" model={model} />
        </div>
        <div className="row compose-main">
          <ModelPicker />
          <NumberField
            label={t('compose.paths')}
            value={full?.paths}
            min={1}
            max={64}
            disabled={full === null || !ruleOf(full.strategy).paths}
            onChange={(paths) => editSettings({ paths })}
            warn={
              full !== null && full.paths > limit && !ruleOf(full.strategy).single
                ? t('compose.pathLimit', { limit })
                : undefined
            }
          />
          <span className="grow" />
          <ContextMeter />
          <CommandButton id="compose.start" look="primary start" />
        </div>
        {full !== null &&
          asksForVotes(full) &&
          nothingToCount(full.question) &&
          !(full.question === 'code' && runsPrograms) && (
            <div className="callout info small row" data-notice="nothing-to-count">
              <span className="grow">{t('compose.nothingToCount')}</span>
              <button
                type="button"
                className="btn tiny"
                onClick={() => editSettings({ strategy: 'parallel' })}
              >
                {t('compose.mergeInstead')}
              </button>
            </div>
          )}
        <OutsideGame />
        <FitBar />
        <details
          className="advanced"
          open={open}
          onToggle={(event) => useUi.setState({ settingsOpen: event.currentTarget.open })}
        >
          <summary>
            <ChevronRight size={14} aria-hidden className="chevron" />
            {t('compose.advanced')}
            {full !== null && !open && (
              <span className="dim small">
                {t(`strategy.${full.strategy}`)} ·{' '}
                {t('compose.budgetShort', { budget: integer(full.budget) })}
              </span>
            )}
          </summary>
          {full !== null && info !== null && <MainFields full={full} info={info} />}
          <FitTools />
          {full !== null && info !== null && (
            <AdvancedFields full={full} info={info} problem={problem} />
          )}
        </details>
        {error !== null && (
          <p className="callout bad" role="alert" dir="auto">
            {errorWords(error)}
          </p>
        )}
        {Object.keys(settings).length > 0 && (
          <div className="row">
            <button
              type="button"
              className="btn quiet tiny"
              onClick={() => edit({ settings: {}, preset: null })}
            >
              {t('compose.reset')}
            </button>
          </div>
        )}
      </form>
      <Examples />
      <Teach first={false} />
    </div>
  )
}

/** The settings that are changed most, above all the others. */
function MainFields({ full, info }: { full: RunSettings; info: ModelInfo }) {
  const t = useT()
  const trained = info.nativePaths > 0
  const takes = ruleOf(full.strategy)
  const whyNot = (strategy: Strategy) => refusalWords(info.capabilities, { ...full, strategy })
  const refused = refusalWords(info.capabilities, full)
  return (
    <div className="fields main-fields">
      {refused !== null && (
        <p className="callout bad small" role="alert" dir="auto">
          {refused}
        </p>
      )}
      <PresetField />
      <Field label={t('compose.strategy')} hint={t(`strategy.${full.strategy}.help`)}>
        <select
          className="select"
          value={full.strategy}
          onChange={(event) => editSettings({ strategy: event.target.value as Strategy })}
        >
          {strategiesFor(info.forks !== undefined).map((strategy) => (
            <option
              key={strategy}
              value={strategy}
              disabled={whyNot(strategy) !== null}
              title={whyNot(strategy) ?? undefined}
            >
              {t(`strategy.${strategy}`)}
            </option>
          ))}
        </select>
      </Field>
      {takes.runs && (
        <NumberField
          label={t('compose.runs')}
          value={full.runs}
          min={1}
          max={64}
          hint={t('compose.runsHelp')}
          onChange={(runs) => editSettings({ runs })}
        />
      )}
      {takes.rounds && <RoundFields full={full} />}
      {takes.judges && (
        <NumberField
          label={t('compose.judgements')}
          value={full.judgements}
          min={1}
          max={MAX_JUDGEMENTS}
          hint={t('compose.judgementsHelp')}
          onChange={(judgements) => editSettings({ judgements })}
        />
      )}
      {takesAnswerBy(full.strategy) && <AnswerByField rule={full.answerBy} trained={trained} />}
      <NumberField
        label={t('compose.budget')}
        value={full.budget}
        min={1}
        max={1 << 20}
        step={256}
        hint={t('compose.budgetHelp')}
        onChange={(budget) => editSettings({ budget })}
      />
      {takes.paths && (
        <Field label={t('compose.finish')} hint={t('compose.finishHelp')}>
          <select
            className="select"
            value={full.finish}
            onChange={(event) => editSettings({ finish: event.target.value as FinishRule })}
          >
            {(['first', 'half', 'last'] as const).map((rule) => (
              <option key={rule} value={rule}>
                {t(`finish.${rule}`)}
              </option>
            ))}
            {typeof full.finish === 'number' && (
              <option value={full.finish}>{t('finish.count', { count: full.finish })}</option>
            )}
          </select>
        </Field>
      )}
      <Field label={t('compose.question')} hint={t(`compose.question.${full.question ?? 'auto'}`)}>
        <select
          className="select"
          value={full.question ?? 'auto'}
          onChange={(event) => editSettings({ question: event.target.value as Question })}
        >
          {(['auto', ...QuestionKind.options] as const).map((kind) => (
            <option key={kind} value={kind}>
              {t(`question.${kind}`)}
            </option>
          ))}
        </select>
      </Field>
      <CostLine full={full} info={info} />
    </div>
  )
}

/** What a run costs with these settings; nothing where the model decides that. */
function CostLine({ full, info }: { full: RunSettings; info: ModelInfo }) {
  const t = useT()
  const list = useHistory((s) => s.list)
  const cost = costOf(full, info, list ?? [])
  if (cost === null) return null
  const kind = cost.judgements > 0 ? 'cost.judged' : cost.answers > 0 ? 'cost.both' : 'cost.paths'
  const most = t(kind, {
    paths: integer(cost.paths),
    answers: integer(cost.answers),
    judgements: integer(cost.judgements),
    tokens: integer(cost.tokens),
  })
  return (
    <p className="small dim num cost-line" data-cost={cost.tokens}>
      {most}
      {cost.ms !== null && t('cost.time', { time: duration(cost.ms) })}
    </p>
  )
}

/** Whether a vote over the paths or a summary of them answers. */
function AnswerByField({ rule = 'summary', trained }: { rule?: AnswerBy; trained: boolean }) {
  const t = useT()
  const meaning = rule === 'auto' && trained ? 'trained' : rule
  return (
    <Field label={t('compose.answerBy')} hint={t(`compose.answerBy.${meaning}`)}>
      <select
        className="select"
        value={rule}
        onChange={(event) => editSettings({ answerBy: event.target.value as AnswerBy })}
      >
        {AnswerBy.options.map((one) => (
          <option key={one} value={one}>
            {t(`answerBy.${one}`)}
          </option>
        ))}
      </select>
    </Field>
  )
}

/** The settings of a strategy that thinks in rounds. */
function RoundFields({ full }: { full: RunSettings }) {
  const t = useT()
  return (
    <>
      <NumberField
        label={t('compose.rounds')}
        value={full.rounds}
        min={1}
        max={MAX_ROUNDS}
        hint={t('compose.roundsHelp')}
        onChange={(rounds) => editSettings({ rounds })}
      />
      <NumberField
        label={t('compose.reads')}
        value={full.reads}
        min={1}
        max={full.paths}
        hint={t('compose.readsHelp')}
        onChange={(reads) => editSettings({ reads })}
      />
    </>
  )
}
