import { ChevronRight, FolderOpen } from 'lucide-react'
import { useEffect } from 'react'
import { nothingToCount } from '../../engine/protocol/question.ts'
import {
  QuestionKind,
  STRATEGIES,
  type FinishRule,
  type RunSettings,
  type Strategy,
} from '../../engine/protocol/request.ts'
import { numberOf, roleOf } from '../../engine/protocol/segments.ts'
import { strategyTakes } from '../../engine/protocol/shapes.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { errorWords } from '../i18n/wording.ts'
import { edit, editSettings, effective, refreshFit, useCompose } from '../store/compose.ts'
import { chooseModel, isInfo, useModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { AdvancedFields } from './AdvancedFields.tsx'
import { Field } from './Field.tsx'
import { FitBar } from './FitBar.tsx'
import { Examples, Teach } from './FirstMinute.tsx'
import { NumberField } from './NumberField.tsx'
import { PresetField } from './PresetField.tsx'
import './composer.css'

type Question = NonNullable<RunSettings['question']>

/** The form that starts a run: problem, model, strategy and settings, and whether the run fits in memory. */
export function Composer() {
  const t = useT()
  const { problem, settings, followUp, error } = useCompose()
  const model = usePrefs((s) => s.model)
  const infos = useModels((s) => s.infos)
  const info = isInfo(infos[model]) ? infos[model] : null
  const runsPrograms = usePrefs((s) => s.runPrograms)
  const full = effective(settings, info)
  useEffect(() => {
    const timer = setTimeout(() => void refreshFit(), 150)
    return () => clearTimeout(timer)
  }, [model, info, settings, problem.length])
  const limit =
    info === null || settings.reuseTokens === true || info.nativePaths === 0 ? 64 : info.nativePaths
  return (
    <div className="compose-view scroll">
      <Teach first />
      <form
        className="composer panel"
        aria-label={t('compose.title')}
        onSubmit={(event) => event.preventDefault()}
      >
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
              onClick={() => edit({ followUp: null })}
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
            rows={6}
            dir="auto"
            autoFocus
            value={problem}
            maxLength={1 << 20}
            placeholder={t('compose.placeholder')}
            onChange={(event) => edit({ problem: event.target.value })}
          />
        </div>
        <div className="fields">
          <ModelField />
          <PresetField />
          <Field
            label={t('compose.strategy')}
            hint={full === null ? undefined : t(`strategy.${full.strategy}.help`)}
          >
            <select
              className="select"
              value={full?.strategy ?? 'parallel'}
              disabled={full === null}
              onChange={(event) => editSettings({ strategy: event.target.value as Strategy })}
            >
              {STRATEGIES.map((strategy) => (
                <option key={strategy} value={strategy}>
                  {t(`strategy.${strategy}`)}
                </option>
              ))}
            </select>
          </Field>
          <NumberField
            label={t('compose.paths')}
            value={full?.paths}
            min={1}
            max={64}
            disabled={full === null || !strategyTakes(full.strategy).paths}
            onChange={(paths) => editSettings({ paths })}
            warn={
              full !== null && full.paths > limit && full.strategy.startsWith('parallel')
                ? t('compose.pathLimit', { limit })
                : undefined
            }
          />
          {full !== null && strategyTakes(full.strategy).runs && (
            <NumberField
              label={t('compose.runs')}
              value={full.runs}
              min={1}
              max={64}
              onChange={(runs) => editSettings({ runs })}
            />
          )}
          <NumberField
            label={t('compose.budget')}
            value={full?.budget}
            min={1}
            max={1 << 20}
            step={256}
            disabled={full === null}
            onChange={(budget) => editSettings({ budget })}
          />
          <Field label={t('compose.finish')}>
            <select
              className="select"
              value={full?.finish ?? 'first'}
              disabled={full === null || !strategyTakes(full.strategy).paths}
              onChange={(event) => editSettings({ finish: event.target.value as FinishRule })}
            >
              {(['first', 'half', 'last'] as const).map((rule) => (
                <option key={rule} value={rule}>
                  {t(`finish.${rule}`)}
                </option>
              ))}
            </select>
          </Field>
          <Field
            label={t('compose.question')}
            hint={full === null ? undefined : t(`compose.question.${full.question ?? 'auto'}`)}
          >
            <select
              className="select"
              value={full?.question ?? 'auto'}
              disabled={full === null}
              onChange={(event) => editSettings({ question: event.target.value as Question })}
            >
              {(['auto', ...QuestionKind.options] as const).map((kind) => (
                <option key={kind} value={kind}>
                  {t(`question.${kind}`)}
                </option>
              ))}
            </select>
          </Field>
        </div>
        {full !== null &&
          strategyTakes(full.strategy).votes &&
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
        {full !== null && info !== null && (
          <details className="advanced">
            <summary>
              <ChevronRight size={14} aria-hidden className="chevron" />
              {t('compose.advanced')}
            </summary>
            <AdvancedFields full={full} info={info} problem={problem} />
          </details>
        )}
        <FitBar />
        {error !== null && (
          <p className="callout bad" role="alert" dir="auto">
            {errorWords(error)}
          </p>
        )}
        <div className="row">
          <CommandButton id="compose.start" look="primary start" />
          {Object.keys(settings).length > 0 && (
            <button
              type="button"
              className="btn quiet"
              onClick={() => edit({ settings: {}, preset: null })}
            >
              {t('compose.reset')}
            </button>
          )}
          <span className="grow" />
          <span className="small dim num">{t('compose.chars', { count: problem.length })}</span>
        </div>
      </form>
      <Examples />
      <Teach first={false} />
    </div>
  )
}

function ModelField() {
  const t = useT()
  const list = useModels((s) => s.list)
  const infos = useModels((s) => s.infos)
  const model = usePrefs((s) => s.model)
  const info = infos[model]
  const hint =
    info === undefined
      ? undefined
      : !isInfo(info)
        ? errorWords(info)
        : `${info.architecture} · ${info.quantisation} · ${info.nativePaths > 0 ? t('model.native', { count: info.nativePaths }) : t('model.foreign')}`
  return (
    <div className="field model-field">
      <label className="label" htmlFor="model">
        {t('compose.model')}
      </label>
      <div className="row">
        <select
          id="model"
          className="select"
          value={list?.some((entry) => entry.file === model) ? model : ''}
          aria-describedby="model-hint"
          onChange={(event) => report(chooseModel(event.target.value))}
        >
          {(list === null || list.length === 0 || model === '') && (
            <option value="">
              {t(list === null ? 'compose.loadingModels' : 'compose.noModel')}
            </option>
          )}
          {list?.map((entry) => (
            <option key={entry.file} value={entry.file} disabled={!entry.present}>
              {visible(entry.name)}
              {entry.present ? '' : ` (${t('model.gone')})`}
            </option>
          ))}
        </select>
        <button type="button" className="btn" onClick={() => go({ view: 'models' })}>
          <FolderOpen size={14} />
          {t('compose.addModel')}
        </button>
      </div>
      <span
        id="model-hint"
        className={isInfo(info) || info === undefined ? 'hint' : 'hint bad-text'}
        dir="auto"
      >
        {hint ?? ''}
        {isInfo(info) && info.scope !== undefined && (
          <>
            <br />
            <bdi data-scope>{visible(info.scope)}</bdi>
          </>
        )}
      </span>
    </div>
  )
}
