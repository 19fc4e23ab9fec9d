import { useId } from 'react'
import { DEFAULT_TAIL, type QuestionKind, type RunSettings } from '../../engine/protocol/request.ts'
import { ruleOf } from '../../engine/protocol/shapes.ts'
import type { ModelInfo } from '../../engine/protocol/wire.ts'
import { MAX_WORKERS } from '../../engine/protocol/workers.ts'
import { useT } from '../i18n/index.ts'
import { editSettings } from '../store/compose.ts'
import { useModels } from '../store/models.ts'
import { Field } from './Field.tsx'
import { InstructionField } from './InstructionField.tsx'
import { NumberField } from './NumberField.tsx'
import { TemplateFields } from './TemplateFields.tsx'
import { VoteFields } from './VoteFields.tsx'

/** Returns the kind of question that the user chose; null if it is decided from the paths. */
const kindOf = ({ question = 'auto' }: RunSettings): QuestionKind | null =>
  question === 'auto' ? null : question

/** The other settings of a run, folded away. Their defaults come from the model. */
export function AdvancedFields({
  full,
  info,
  problem,
}: {
  full: RunSettings
  info: ModelInfo
  problem: string
}) {
  const t = useT()
  const devices = useModels((s) => s.devices)
  const { sampling, controls, engine } = full
  const gpus = devices.filter(({ type }) => type !== 'cpu').map(({ name }) => name)
  const hasGpu = gpus.length > 0
  const known = useModels((s) => s.workers)
  const { workers = [] } = engine
  const onGpu = (hasGpu && engine.device !== 'cpu') || workers.length > 0
  const sample = (change: Partial<RunSettings['sampling']>) => editSettings({ sampling: change })
  return (
    <div className="advanced-body">
      <Field label={t('adv.system')} hint={t('adv.systemHelp')}>
        <textarea
          className="textarea"
          rows={2}
          dir="auto"
          value={full.system ?? ''}
          onChange={(event) => editSettings({ system: event.target.value })}
        />
      </Field>
      <TemplateFields values={full.templateVariables ?? {}} read={info.templateVariables ?? {}} />
      {info.nativePaths === 0 && (
        <InstructionField
          value={full.instruction}
          kind={kindOf(full)}
          problem={problem}
          onChange={(instruction) => editSettings({ instruction })}
        />
      )}
      {info.nativePaths === 0 && ruleOf(full.strategy).rounds && (
        <InstructionField
          value={full.refineInstruction}
          kind={kindOf(full)}
          problem={problem}
          refining
          onChange={(refineInstruction) => editSettings({ refineInstruction })}
        />
      )}
      <fieldset className="fields plain-fieldset">
        <legend>{t('adv.sampling')}</legend>
        <NumberField
          label={t('adv.temperature')}
          hint={t('adv.temperatureHelp')}
          value={sampling.temperature}
          min={0}
          max={10}
          fraction
          onChange={(temperature) => sample({ temperature })}
        />
        <NumberField
          label="top-p"
          hint={t('adv.topPHelp')}
          value={sampling.topP}
          min={0}
          max={1}
          fraction
          onChange={(topP) => sample({ topP })}
        />
        <NumberField
          label="top-k"
          hint={t('adv.topKHelp')}
          value={sampling.topK}
          min={0}
          max={1_000_000}
          onChange={(topK) => sample({ topK })}
        />
        <NumberField
          label="min-p"
          hint={t('adv.minPHelp')}
          value={sampling.minP}
          min={0}
          max={1}
          fraction
          onChange={(minP) => sample({ minP })}
        />
        <NumberField
          label={t('adv.repetition')}
          hint={t('adv.repetitionHelp')}
          value={sampling.repetitionPenalty}
          min={0.1}
          max={10}
          fraction
          onChange={(repetitionPenalty) => sample({ repetitionPenalty })}
        />
        {sampling.repetitionPenalty !== 1 && (
          <NumberField
            label={t('adv.window')}
            hint={t('adv.windowHelp')}
            value={sampling.repetitionWindow}
            min={0}
            max={65_536}
            onChange={(repetitionWindow) => sample({ repetitionWindow })}
          />
        )}
        <NumberField
          label={t('adv.seed')}
          hint={t('adv.seedHelp')}
          value={full.seed}
          min={0}
          max={2 ** 32 - 1}
          onChange={(seed) => editSettings({ seed })}
        />
      </fieldset>
      <fieldset className="fields plain-fieldset">
        <legend>{t('adv.run')}</legend>
        <NumberField
          label={t('adv.summaryBudget')}
          hint={t('adv.summaryBudgetHelp')}
          value={full.summaryBudget}
          min={1}
          max={1 << 20}
          onChange={(summaryBudget) => editSettings({ summaryBudget })}
        />
        {info.thinks === true && (
          <NumberField
            label={t('adv.tail')}
            value={full.tail ?? DEFAULT_TAIL}
            min={1}
            max={1 << 20}
            hint={t('adv.tailHint')}
            onChange={(tail) => editSettings({ tail })}
          />
        )}
        <NumberField
          label={t('adv.alternatives')}
          value={full.alternatives}
          min={0}
          max={20}
          hint={t('adv.alternativesHint')}
          onChange={(alternatives) => editSettings({ alternatives })}
        />
        <VoteFields full={full} />
        <Field label={t('adv.fusion')} hint={t('adv.fusionHelp')}>
          <select
            className="select"
            value={controls.fusion}
            onChange={(event) =>
              editSettings({
                controls: { fusion: event.target.value as RunSettings['controls']['fusion'] },
              })
            }
          >
            <option value="auto">{t('fusion.auto')}</option>
            <option value="cache" disabled={info.cannotJoin !== undefined}>
              {t('fusion.cache')}
            </option>
            <option value="reread">{t('fusion.reread')}</option>
          </select>
        </Field>
        <div className="col checks">
          {info.nativePaths === 0 && info.thinks === true && (
            <Check
              label={t('adv.joinThoughts')}
              hint={t('adv.joinThoughtsHelp')}
              on={full.joinThoughts === true}
              onChange={(joinThoughts) => editSettings({ joinThoughts: joinThoughts || undefined })}
            />
          )}
          <Check
            label={t('adv.alone')}
            hint={t('adv.aloneHelp')}
            on={full.alone === true}
            onChange={(alone) => editSettings({ alone: alone || undefined })}
          />
          {info.nativePaths > 0 && (
            <>
              <Check
                label={t('adv.reuse')}
                hint={t('adv.reuseHelp')}
                on={full.reuseTokens}
                onChange={(reuseTokens) => editSettings({ reuseTokens })}
              />
              <Check
                label={t('adv.sameToken')}
                hint={t('adv.sameTokenHelp')}
                on={controls.sameToken}
                onChange={(sameToken) => editSettings({ controls: { sameToken } })}
              />
            </>
          )}
          {info.thoughtRows > 0 && (
            <Check
              label={t('adv.thought')}
              hint={t('adv.thoughtHelp')}
              on={controls.thoughtEmbedding}
              onChange={(thoughtEmbedding) => editSettings({ controls: { thoughtEmbedding } })}
            />
          )}
        </div>
      </fieldset>
      {/* A server chooses by itself what it computes with. */}
      <fieldset className="fields plain-fieldset" hidden={info.capabilities !== undefined}>
        <legend>{t('adv.engine')}</legend>
        {(hasGpu || engine.device !== 'auto') && (
          <Field label={t('adv.device')} hint={t('adv.deviceHelp')}>
            <select
              className="select"
              value={engine.device}
              onChange={(event) => editSettings({ engine: { device: event.target.value } })}
            >
              <option value="auto">{t('adv.automatic')}</option>
              {[...new Set(['cpu', ...gpus, engine.device])]
                .filter((name) => name !== 'auto')
                .map((name) => (
                  <option key={name} value={name}>
                    {name === 'cpu' ? 'CPU' : name}
                  </option>
                ))}
            </select>
          </Field>
        )}
        {[...new Set([...known.map(({ worker }) => worker), ...workers])].map((worker) => (
          <Check
            key={worker}
            label={t('adv.worker', { name: worker })}
            hint={t('adv.workerHelp')}
            on={workers.includes(worker)}
            onChange={(on) =>
              editSettings({
                engine: {
                  workers: on
                    ? [...workers, worker].slice(0, MAX_WORKERS)
                    : workers.filter((one) => one !== worker),
                },
              })
            }
          />
        ))}
        {onGpu && (
          <NumberField
            label={t('adv.gpuLayers')}
            value={engine.gpuLayers < 0 ? undefined : engine.gpuLayers}
            min={0}
            max={65_536}
            blank={t('adv.fit')}
            hint={t('adv.gpuLayersHelp', { layers: info.layers })}
            onChange={(gpuLayers) => editSettings({ engine: { gpuLayers } })}
          />
        )}
        <Field label={t('adv.flash')} hint={t('adv.flashHelp')}>
          <select
            className="select"
            value={engine.flashAttention}
            onChange={(event) =>
              editSettings({
                engine: {
                  flashAttention: event.target.value as RunSettings['engine']['flashAttention'],
                },
              })
            }
          >
            {(['auto', 'on', 'off'] as const).map((value) => (
              <option key={value} value={value}>
                {t(`flash.${value}`)}
              </option>
            ))}
          </select>
        </Field>
        <NumberField
          label={t('adv.threads')}
          value={engine.threads || undefined}
          min={1}
          max={512}
          blank={t('adv.automatic')}
          hint={t('adv.threadsHelp')}
          onChange={(threads = 0) => editSettings({ engine: { threads } })}
        />
        <NumberField
          label={t('adv.context')}
          value={engine.context || undefined}
          min={1}
          max={1 << 26}
          blank={t('adv.automatic')}
          hint={t('adv.contextHelp')}
          onChange={(context = 0) => editSettings({ engine: { context } })}
        />
      </fieldset>
    </div>
  )
}

function Check({
  label,
  hint,
  on,
  onChange,
}: {
  label: string
  hint?: string
  on: boolean
  onChange(on: boolean): void
}) {
  const id = useId()
  return (
    <div className="field">
      <label className="check">
        <input
          type="checkbox"
          checked={on}
          aria-describedby={hint === undefined ? undefined : id}
          onChange={(event) => onChange(event.target.checked)}
        />
        {label}
      </label>
      {hint !== undefined && (
        <span id={id} className="hint">
          {hint}
        </span>
      )}
    </div>
  )
}
