import { useEffect, useState } from 'react'
import type { Experiment } from '../../engine/protocol/wire.ts'
import { dateTime, integer } from '../i18n/format.ts'
import { useT } from '../i18n/index.ts'
import { LAB_TABS, refreshLab, showLabTab, useLab, type LabTab } from '../store/lab.ts'
import { go } from '../store/route.ts'
import { Segmented } from '../ui/Segmented.tsx'
import { visible } from '../ui/visible.ts'
import { ExperimentDetail } from './ExperimentDetail.tsx'
import { NewExperiment } from './NewExperiment.tsx'
import { PRESETS, type Preset } from './plan.ts'
import { StatePill } from './StatePill.tsx'
import { WorthForm } from './WorthForm.tsx'
import '../models/models.css'
import './lab.css'

/** The lab: experiments on sets of problems with known answers. */
export default function LabView({ experiment }: { experiment: string | null }) {
  const t = useT()
  const tab = useLab((s) => s.tab)
  const list = useLab((s) => s.list)
  const [preset, setPreset] = useState<Preset>('eval')
  useEffect(() => {
    refreshLab().catch(() => undefined)
  }, []) // if not connected, the list comes with the connection
  const shown = list?.find(({ id }) => id === experiment) ?? list?.[0]
  return (
    <div className="page models-page lab-page scroll">
      <div className="row wrap page-head">
        <h1 className="page-title">{t('lab.title')}</h1>
        <Segmented<LabTab>
          label={t('lab.tabs')}
          value={tab}
          onChange={showLabTab}
          options={LAB_TABS.map((value) => ({ value, label: t(`lab.tab.${value}`) }))}
        />
      </div>
      {tab === 'new' ? (
        <NewExperiment preset={preset} onPreset={setPreset} />
      ) : (
        <>
          <WorthForm />
          {list !== null && list.length === 0 && (
            <Teach
              onPreset={(next) => {
                setPreset(next)
                showLabTab('new')
              }}
            />
          )}
          {list !== null && shown !== undefined && (
            <div className="lab">
              <ExperimentList list={list} current={shown.id} />
              <div className="col lab-detail">
                <ExperimentDetail key={shown.id} experiment={shown} />
              </div>
            </div>
          )}
        </>
      )}
    </div>
  )
}

function ExperimentList({ list, current }: { list: readonly Experiment[]; current: string }) {
  const t = useT()
  return (
    <section className="panel" aria-label={t('lab.list')}>
      <ul className="model-list">
        {list.map(({ id, title, time, state, done, wanted }) => (
          <li key={id} className={id === current ? 'model-row current' : 'model-row'}>
            <button
              type="button"
              className="model-pick"
              aria-pressed={id === current}
              onClick={() => go({ view: 'lab', experiment: id })}
            >
              <strong className="lab-title">
                <bdi>{visible(title)}</bdi>
              </strong>
              <span className="row small dim num">
                <StatePill state={state} />
                {state !== 'done' && wanted > 0 && (
                  <span className="lab-count">
                    {integer(done)} / {integer(wanted)}
                  </span>
                )}
                <span className="ellipsis">{dateTime(time)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** What the lab is for, where there is no experiment yet. */
function Teach({ onPreset }: { onPreset(preset: Preset): void }) {
  const t = useT()
  return (
    <section className="panel" aria-label={t('lab.tab.new')}>
      <p className="body lab-teach">{t('lab.teach')}</p>
      <ul className="lab-presets">
        {PRESETS.map((preset) => (
          <li key={preset}>
            <h3>{t(`preset.${preset}`)}</h3>
            <p className="small dim grow">{t(`preset.${preset}.help`)}</p>
            <span className="row">
              <button
                type="button"
                className="btn"
                aria-label={`${t('preset.set')}: ${t(`preset.${preset}`)}`}
                onClick={() => onPreset(preset)}
              >
                {t('preset.set')}
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
