import { useT } from '../i18n/index.ts'
import { bytes } from '../i18n/format.ts'
import { useModels } from '../store/models.ts'

/** Shows the load of the machine while a run is thinking, otherwise the models in memory. */
export function HardwareLine() {
  const t = useT()
  const hardware = useModels((s) => s.hardware)
  const loaded = useModels((s) => s.loaded)
  if (hardware !== null) {
    return (
      <span className="row num hardware" data-hardware>
        <span>{t('hardware.load', { percent: Math.round(100 * hardware.load) })}</span>
        <span>
          {t('hardware.memory', {
            used: bytes(hardware.memoryUsed),
            total: bytes(hardware.memoryTotal),
          })}
        </span>
        {hardware.gpus.map((gpu) => (
          <span key={gpu.name}>
            {t('hardware.gpu', {
              name: gpu.name,
              used: bytes(gpu.memoryUsed),
              total: bytes(gpu.memoryTotal),
            })}
          </span>
        ))}
      </span>
    )
  }
  return loaded.length === 0 ? null : (
    <span className="num dim in-memory">
      {t('memory.count', {
        count: loaded.length,
        size: bytes(loaded.reduce((sum, model) => sum + model.sizeBytes, 0)),
      })}
    </span>
  )
}
