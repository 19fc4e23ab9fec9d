import { ownEntry } from '../../engine/protocol/own.ts'
import { useT } from '../i18n/index.ts'
import { errorWords, failureWords } from '../i18n/wording.ts'
import { bytes } from '../i18n/format.ts'
import { NumberField } from '../run/NumberField.tsx'
import { host } from '../store/host.ts'
import { taskStarted, useModels } from '../store/models.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { report, toast } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { WorkersPanel } from './WorkersPanel.tsx'

const LOOK = { ready: 'ok', skipped: 'warn', absent: '' } as const
const NAMES: Record<string, string> = { vulkan: 'Vulkan', cuda: 'CUDA', metal: 'Metal' }

/** Shows the devices of this machine and the models in its memory. */
export function DevicesPanel() {
  const t = useT()
  const state = useModels((s) => s.deviceState)
  const loaded = useModels((s) => s.loaded)
  const { idleMinutes, loadAtStart, notLoadedAtStart } = usePrefs()
  const fetch = async (backend: string) => {
    try {
      taskStarted(await host.call('devices.fetch', { backend }))
    } catch (error) {
      toast({ kind: 'bad', message: ['error.plain', { message: failureWords(error) }] })
    }
  }
  return (
    <div className="models">
      <section className="panel" aria-labelledby="devices">
        <header>
          <h2 id="devices">{t('devices.title')}</h2>
        </header>
        {state === null && <p className="body dim">{t('devices.trying')}</p>}
        <ul className="model-list device-list">
          {state?.devices.map((device) => (
            <li key={device.name} className="device-row">
              <div className="col tight grow">
                <span className="row">
                  <strong>{device.name}</strong>
                  <span className="pill">
                    {device.type === 'cpu' && state.cpu !== ''
                      ? `${device.backend} · ${state.cpu}`
                      : device.backend}
                  </span>
                </span>
                <span className="small dim">
                  <bdi>{visible(device.description)}</bdi>
                </span>
              </div>
              <div className="col tight device-memory">
                <span className="small num">
                  {t('devices.free', {
                    free: bytes(device.memoryFree),
                    total: bytes(device.memoryTotal),
                  })}
                </span>
                <meter
                  min={0}
                  max={Math.max(1, device.memoryTotal)}
                  value={device.memoryTotal - device.memoryFree}
                  aria-label={t('devices.used', { name: device.name })}
                />
              </div>
            </li>
          ))}
        </ul>
        <ul className="model-list device-list">
          {state?.backends.map((backend) => (
            <li key={backend.backend} className="device-row">
              <div className="col tight grow">
                <span className="row">
                  <strong>{ownEntry(NAMES, backend.backend) ?? backend.backend}</strong>
                  <span className={`pill ${LOOK[backend.state]}`}>
                    {t(`backend.${backend.state}`)}
                  </span>
                </span>
                {backend.reason !== undefined && (
                  <span className="small dim" dir="auto">
                    {visible(errorWords(backend.reason))}
                  </span>
                )}
                {backend.fetch?.needs !== undefined && (
                  <span className="small dim">
                    {t('backend.needs', { what: backend.fetch.needs })}
                  </span>
                )}
              </div>
              {backend.fetch !== undefined && (
                <button type="button" className="btn" onClick={() => void fetch(backend.backend)}>
                  {t('backend.fetch', {
                    name: ownEntry(NAMES, backend.backend) ?? backend.backend,
                    size: bytes(backend.fetch.sizeBytes),
                  })}
                </button>
              )}
            </li>
          ))}
        </ul>
        <p className="body small dim">{t('devices.probed')}</p>
      </section>
      <WorkersPanel />
      <section className="panel" aria-labelledby="memory">
        <header>
          <h2 id="memory">{t('memory.title')}</h2>
        </header>
        {loaded.length === 0 && <p className="body dim">{t('memory.empty')}</p>}
        <ul className="model-list device-list">
          {loaded.map((model) => (
            <li key={model.file + model.device} className="device-row">
              <div className="col tight grow">
                <strong className="ellipsis">
                  <bdi>{visible(model.name)}</bdi>
                </strong>
                <span className="small dim">
                  {model.device} · {bytes(model.sizeBytes)}
                  {model.inUse ? ` · ${t('memory.inUse')}` : ''}
                </span>
              </div>
              <button
                type="button"
                className="btn"
                aria-label={t('memory.unloadName', { name: visible(model.name) })}
                onClick={() => report(host.call('engine.unload', { file: model.file }))}
              >
                {t('memory.unload')}
              </button>
            </li>
          ))}
        </ul>
        <div className="body col">
          <NumberField
            label={t('memory.idle')}
            value={idleMinutes}
            min={0}
            max={10_080}
            hint={t('memory.idleHint')}
            onChange={(minutes) => setPref('idleMinutes', minutes)}
          />
          <label className="check">
            <input
              type="checkbox"
              checked={loadAtStart}
              onChange={(event) => {
                setPref('loadAtStart', event.target.checked)
                setPref('notLoadedAtStart', '')
              }}
            />
            {t('memory.atStart')}
          </label>
          {notLoadedAtStart !== '' && (
            <p className="callout warn small">
              {t('memory.notAtStart', { name: visible(notLoadedAtStart.split(/[\\/]/).at(-1)!) })}
            </p>
          )}
        </div>
      </section>
    </div>
  )
}
