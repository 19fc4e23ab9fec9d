import { isStrategy } from '../../engine/protocol/shapes.ts'
import type { RunSummary } from '../../engine/protocol/wire.ts'
import { dateTime } from '../i18n/format.ts'
import { t } from '../i18n/index.ts'
import type { Apart } from '../store/conversations.ts'
import { useModels } from '../store/models.ts'
import { visible } from '../ui/visible.ts'

/** Returns the name of a run's model. A queued run knows only its file. */
export function modelOf({ model, status }: Pick<RunSummary, 'model' | 'status'>): string {
  if (status !== 'queued') return visible(model)
  const entry = useModels.getState().list?.find(({ file }) => file === model)
  return visible(entry?.name ?? model.split(/[\\/]/).at(-1)!)
}

/** Returns what is known of a run in these respects, in one line. `time` words when it began. */
export const described = (
  row: RunSummary,
  what: readonly Apart[],
  time: (iso: string) => string = dateTime,
): string =>
  what
    .map((one) => {
      switch (one) {
        case 'model':
          return modelOf(row)
        case 'strategy':
          return isStrategy(row.strategy) ? t(`strategy.${row.strategy}`) : row.strategy
        case 'paths':
          return row.paths === 0 ? '' : t('unit.paths', { count: row.paths })
        case 'time':
          return time(row.time)
      }
    })
    .filter((part) => part !== '')
    .join(' · ')
