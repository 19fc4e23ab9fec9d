import * as Popover from '@radix-ui/react-popover'
import { Command as Cmdk } from 'cmdk'
import { Check, ChevronDown, Download, FolderOpen, Search } from 'lucide-react'
import { useEffect, useState } from 'react'
import { onServer } from '../../engine/protocol/address.ts'
import type { ModelEntry } from '../../engine/protocol/wire.ts'
import { ownEntry } from '../../engine/protocol/own.ts'
import { useT } from '../i18n/index.ts'
import { bytes } from '../i18n/format.ts'
import { errorWords } from '../i18n/wording.ts'
import { match } from '../commands/match.ts'
import { Verdict } from '../models/FitPill.tsx'
import { trainedFor } from '../models/trained.ts'
import { chooseModel, isInfo, loadFit, loadInfo, showTab, useModels } from '../store/models.ts'
import { lookUp } from '../store/hub.ts'
import { usePrefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'

/** Chooses the model: a list to search, with size, whether it fits, and whether it was trained for paths. */
export function ModelPicker() {
  const t = useT()
  const [open, setOpen] = useState(false)
  const [typed, setTyped] = useState('')
  const list = useModels((s) => s.list)
  const model = usePrefs((s) => s.model)
  const info = useModels((s) => ownEntry(s.infos, model))
  const entry = list?.find(({ file }) => file === model)
  const name =
    entry === undefined
      ? t(list === null ? 'compose.loadingModels' : 'compose.noModel')
      : visible(entry.name)
  const gone = entry !== undefined && !entry.present
  const hint = gone
    ? t('compose.modelGone', { file: visible(entry.file) })
    : info === undefined
      ? ''
      : !isInfo(info)
        ? errorWords(info)
        : [
            ...(info.capabilities === undefined
              ? [info.quantisation, bytes(info.sizeBytes)]
              : [
                  onServer(info.file)?.server ?? '',
                  t(`server.dialect.${info.capabilities.dialect}`),
                ]),
            trainedFor(info, t) ?? t('model.foreign'),
          ].join(' · ')
  const bad = gone || (info !== undefined && !isInfo(info))
  const leave = (tab: 'library' | 'get') => {
    setOpen(false)
    showTab(tab)
    go({ view: 'models' })
  }
  const search = () => {
    leave('get')
    void lookUp(typed)
  }
  return (
    <div className="field model-field">
      <span className="label" id="model-label">
        {t('compose.model')}
      </span>
      <Popover.Root
        open={open}
        onOpenChange={(next) => {
          setTyped('')
          setOpen(next)
        }}
      >
        <Popover.Trigger asChild>
          <button
            type="button"
            className="btn picker"
            aria-labelledby="model-label model-name"
            aria-describedby="model-hint"
            data-model={model}
          >
            <bdi id="model-name" className="ellipsis grow">
              {name}
            </bdi>
            <ChevronDown size={14} aria-hidden />
          </button>
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content
            className="popover model-list-box"
            align="start"
            sideOffset={4}
            aria-label={t('compose.model')}
          >
            <Cmdk
              label={t('compose.model')}
              filter={(file, typed, [name] = []) => match(name ?? file, typed)}
              defaultValue={model}
            >
              <Cmdk.Input
                className="input"
                value={typed}
                onValueChange={setTyped}
                placeholder={t('compose.searchModels')}
                aria-label={t('compose.searchModels')}
              />
              <Cmdk.List className="scroll model-options">
                <Cmdk.Empty className="small dim model-none">
                  {t('compose.noModelFound')}
                </Cmdk.Empty>
                {list?.map((one) => (
                  <Option
                    key={one.file}
                    entry={one}
                    chosen={one.file === model}
                    onChoose={() => {
                      setOpen(false)
                      report(chooseModel(one.file))
                    }}
                  />
                ))}
              </Cmdk.List>
            </Cmdk>
            <div className="row model-more">
              <button type="button" className="btn tiny" onClick={() => leave('library')}>
                <FolderOpen size={13} aria-hidden />
                {t('compose.addModel')}
              </button>
              {typed.trim() === '' ? (
                <button type="button" className="btn tiny" onClick={() => leave('get')}>
                  <Download size={13} aria-hidden />
                  {t('compose.getModel')}
                </button>
              ) : (
                <button type="button" className="btn tiny" onClick={search}>
                  <Search size={13} aria-hidden />
                  <bdi className="ellipsis">{t('compose.searchHub', { text: visible(typed) })}</bdi>
                </button>
              )}
            </div>
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
      <span id="model-hint" className={bad ? 'hint bad-text' : 'hint'} dir="auto">
        {hint}
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

function Option({
  entry,
  chosen,
  onChoose,
}: {
  entry: ModelEntry
  chosen: boolean
  onChoose(): void
}) {
  const t = useT()
  const fit = useModels((s) => s.fits[entry.file])
  const info = useModels((s) => s.infos[entry.file])
  useEffect(() => {
    if (!entry.present) return
    if (info === undefined) report(loadInfo(entry.file))
    if (fit === undefined) void loadFit(entry.file)
  }, [entry])
  return (
    <Cmdk.Item
      value={entry.file}
      keywords={[entry.name]}
      disabled={!entry.present}
      className="menu-item"
      onSelect={onChoose}
    >
      <span className="model-check">{chosen && <Check size={13} aria-hidden />}</span>
      <bdi className="ellipsis grow">{visible(entry.name)}</bdi>
      {isInfo(info) && info.nativePaths > 0 && <span className="pill ok">{t('model.thinks')}</span>}
      {entry.origin === 'server' ? (
        <span className="pill">{t('models.origin.server')}</span>
      ) : (
        <span className="small dim num">{bytes(entry.sizeBytes)}</span>
      )}
      {!entry.present ? (
        <span className="pill bad">{t('model.gone')}</span>
      ) : (
        fit !== undefined && entry.origin !== 'server' && <Verdict verdict={fit.verdict} />
      )}
    </Cmdk.Item>
  )
}
