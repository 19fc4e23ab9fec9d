import { useT } from '../i18n/index.ts'
import { MODEL_TABS, showTab, useModels, type ModelTab } from '../store/models.ts'
import { Segmented } from '../ui/Segmented.tsx'
import { ConvertForm } from './ConvertForm.tsx'
import { DevicesPanel } from './DevicesPanel.tsx'
import { GetModels } from './GetModels.tsx'
import { Library } from './Library.tsx'
import { TaskList } from './TaskList.tsx'
import './models.css'

/** The models page: library, downloads, conversion and devices. */
export function ModelsView() {
  const t = useT()
  const tab = useModels((s) => s.tab)
  return (
    <div className="page models-page scroll">
      <div className="row wrap page-head">
        <h1 className="page-title">{t('models.title')}</h1>
        <Segmented<ModelTab>
          label={t('models.tabs')}
          value={tab}
          onChange={showTab}
          options={MODEL_TABS.map((value) => ({ value, label: t(`models.tab.${value}`) }))}
        />
      </div>
      <TaskList />
      {tab === 'library' && <Library />}
      {tab === 'get' && <GetModels />}
      {tab === 'convert' && <ConvertForm />}
      {tab === 'devices' && <DevicesPanel />}
    </div>
  )
}
