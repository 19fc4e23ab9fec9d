import type { Experiment, LabCell } from '../../engine/protocol/wire.ts'
import { duration, fixed, integer } from '../i18n/format.ts'
import { useT } from '../i18n/index.ts'
import { showCell, useLab } from '../store/lab.ts'
import { report } from '../store/toasts.ts'
import { Tip } from '../ui/Tip.tsx'
import { visible } from '../ui/visible.ts'
import { IntervalBar } from './IntervalBar.tsx'
import { keyOf, rowName } from './names.ts'
import { percents, points } from './verdict.ts'

/** The table of an experiment, as it fills. A row shows its runs. */
export function CellsTable({ experiment }: { experiment: Experiment }) {
  const t = useT()
  const { id, cells } = experiment
  const chosen = useLab((s) => s.cell)
  const gains = cells.some(({ gain }) => gain !== undefined)
  const failed = cells.some((cell) => cell.failed > 0)
  // An ablation compares with its first row, a bank with the vote, everything else with one path.
  const against = cells.find(({ unit }) => cells.some(({ gain }) => gain?.against === unit))
  return (
    <div className="lab-table-box scroll">
      <table className="table lab-table">
        <caption className="sr">{t('table.title')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('table.row')}</th>
            <th scope="col" className="num">
              {t('table.paths')}
            </th>
            <th scope="col" className="num">
              {t('table.budget')}
            </th>
            <th scope="col" className="num">
              {t('table.right')}
            </th>
            <th scope="col" className="num">
              {t('table.accuracy')}
            </th>
            <th scope="col">{t('table.interval')}</th>
            {gains && (
              <th scope="col" className="num">
                {against?.variant === undefined
                  ? t('table.gainOne')
                  : t('table.gain', { row: rowName(against) })}
              </th>
            )}
            <th scope="col" className="num">
              <Tip text={t('table.some.help')}>
                <span tabIndex={0}>{t('table.some')}</span>
              </Tip>
            </th>
            <th scope="col" className="num">
              {t('table.tokens')}
            </th>
            <th scope="col" className="num">
              {t('table.time')}
            </th>
            {failed && (
              <th scope="col" className="num">
                {t('table.failed')}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {cells.map((cell) => {
            const here =
              chosen !== null && chosen.experiment === id && keyOf(chosen) === keyOf(cell)
            return (
              <tr
                key={keyOf(cell)}
                className={here ? 'current' : ''}
                onClick={() => report(showCell(id, cell))}
              >
                <th scope="row">
                  <button
                    type="button"
                    className="link lab-row"
                    aria-expanded={here}
                    onClick={(event) => {
                      event.stopPropagation()
                      report(showCell(id, cell))
                    }}
                  >
                    {visible(rowName(cell))}
                  </button>
                </th>
                <td className="num">{cell.paths}</td>
                <td className="num">{integer(cell.budget)}</td>
                <td className="num">
                  {integer(cell.correct)} / {integer(cell.n)}
                </td>
                <td className="num">
                  <strong>{percents(cell.accuracy)}</strong>
                </td>
                <td>
                  <span className="lab-interval">
                    <IntervalBar
                      value={cell.accuracy}
                      low={cell.low}
                      high={cell.high}
                      from={0}
                      to={1}
                    />
                    <span className="small dim num">
                      {t('table.intervalOf', {
                        low: fixed(cell.low * 100, 0),
                        high: fixed(cell.high * 100, 0),
                      })}
                    </span>
                  </span>
                </td>
                {gains && (
                  <td className="num lab-gain">
                    <Gain cell={cell} />
                  </td>
                )}
                <td className="num">{percents(cell.anyPath)}</td>
                <td className="num">{integer(Math.round(cell.tokens))}</td>
                <td className="num">{cell.medianMs === 0 ? '–' : duration(cell.medianMs)}</td>
                {failed && <td className="num">{cell.failed}</td>}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

/** By how much a row is better than the one it is compared with, in points, above its interval. */
function Gain({ cell: { gain } }: { cell: LabCell }) {
  const t = useT()
  if (gain === undefined) return null
  const { difference, low, high } = gain
  return (
    <>
      <span>{points(difference)}</span>
      <span className="small dim">
        {t('table.gainOf', { low: points(low, 0), high: points(high, 0) })}
      </span>
    </>
  )
}
