import { CornerDownRight, MoreHorizontal, RotateCcw, Star } from 'lucide-react'
import { memo, useState } from 'react'
import type { RunSummary } from '../../engine/protocol/wire.ts'
import { exportRuns } from '../commands/export-commands.ts'
import { useT } from '../i18n/index.ts'
import { dateTime, duration } from '../i18n/format.ts'
import { useActivity } from '../store/activity.ts'
import { deleteRuns, updateRun, useHistory } from '../store/history.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { doingWords } from '../ui/doing.ts'
import { Marked } from '../ui/Marked.tsx'
import { Menu, MenuItem, MenuSeparator } from '../ui/Menu.tsx'
import { visible } from '../ui/visible.ts'
import { described, modelOf } from './described.ts'
import { RUN_LOOK } from './run-look.ts'

export const HistoryRow = memo(function HistoryRow({
  row,
  query,
  snippet,
  turn,
  selected,
}: {
  row: RunSummary
  /** The words of the search, which are marked. */
  query: string
  snippet: string | undefined
  /** Its place in its conversation; a turn after the first is indented. */
  turn: number
  selected: boolean
}) {
  const t = useT()
  const [editing, setEditing] = useState<'title' | 'tags' | null>(null)
  const damaged = row.status === 'damaged'
  const doing = useActivity(({ runs: { [row.run]: now } }) =>
    now?.doing ? doingWords(now.doing, now.model, t) : null,
  )
  const select = () =>
    useHistory.setState(({ selected: old }) => {
      const next = new Set(old)
      if (!next.delete(row.run)) next.add(row.run)
      return { selected: next }
    })
  const title = visible(row.title || row.problem || row.run).slice(0, 300)
  return (
    <div
      className={`history-row ${damaged ? 'damaged' : ''} ${turn > 0 ? 'follows' : ''}`}
      data-run={row.run}
      data-turn-number={turn + 1}
    >
      <input
        type="checkbox"
        checked={selected}
        disabled={damaged}
        aria-label={t('history.select', { title })}
        onChange={select}
      />
      <button
        type="button"
        className="btn quiet icon tiny star"
        aria-pressed={row.starred}
        aria-label={t('history.star')}
        disabled={damaged}
        onClick={() => report(updateRun(row.run, { starred: !row.starred }))}
      >
        <Star size={14} fill={row.starred ? 'currentColor' : 'none'} />
      </button>
      <button
        type="button"
        className="history-open"
        disabled={damaged}
        onClick={() => go({ view: 'run', run: row.run })}
      >
        <span className="row">
          {turn > 0 &&
            (row.versionOf === undefined ? (
              <CornerDownRight size={13} role="img" aria-label={t('history.followUp')} />
            ) : (
              <RotateCcw size={13} role="img" aria-label={t('history.version')} />
            ))}
          <bdi className="ellipsis history-title">
            <Marked text={title} query={query} />
          </bdi>
          {row.status !== 'ended' && (
            <span className={`pill ${RUN_LOOK[row.status]}`}>
              {doing ?? t(`history.status.${row.status}`)}
            </span>
          )}
          {row.outcome !== undefined && (
            <span className="pill warn">{t(`outcome.${row.outcome}`)}</span>
          )}
          {row.question !== undefined && (
            <span className="pill">{t(`question.${row.question}`)}</span>
          )}
          {row.client !== undefined && (
            <span className="pill" title={t('history.client')}>
              <bdi>{visible(row.client)}</bdi>
            </span>
          )}
          {row.tags.map((tag) => (
            <span key={tag} className="pill">
              <bdi>{visible(tag)}</bdi>
            </span>
          ))}
        </span>
        <span className="small dim ellipsis" dir="auto">
          {row.damage ??
            (row.status === 'queued'
              ? `${modelOf(row)} · ${t('history.waiting')}`
              : described(row, ['model', 'strategy', 'paths']))}
        </span>
        {snippet !== undefined && (
          <span className="small ellipsis" dir="auto">
            <Marked text={visible(snippet)} query={query} />
          </span>
        )}
      </button>
      <span
        className="history-answer ellipsis"
        dir="auto"
        title={row.answer === null ? '' : visible(row.answer)}
      >
        {row.answer !== null && <AnswerText text={row.answer.slice(0, 300)} />}
        {row.consensus !== undefined &&
          t(row.consensus.calls === 0 ? 'history.dissent' : 'history.consensus', {
            ...row.consensus,
          })}
      </span>
      <span className="history-time small dim num">
        {dateTime(row.time)}
        <br />
        {row.status !== 'queued' && duration(row.durationMs)}
      </span>
      <Menu
        trigger={
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-label={t('history.actions', { title })}
          >
            <MoreHorizontal size={14} />
          </button>
        }
      >
        {!damaged && (
          <>
            <MenuItem onSelect={() => setEditing('title')}>{t('history.rename')}</MenuItem>
            <MenuItem onSelect={() => setEditing('tags')}>{t('history.editTags')}</MenuItem>
            <MenuSeparator />
            {(['md', 'html', 'json'] as const).map((format) => (
              <MenuItem key={format} onSelect={() => report(exportRuns([row.run], format))}>
                {t(`format.${format}`)}
              </MenuItem>
            ))}
            <MenuSeparator />
          </>
        )}
        <MenuItem onSelect={() => report(deleteRuns([row.run]))}>{t('action.delete')}</MenuItem>
      </Menu>
      {editing !== null && <EditDialog row={row} what={editing} onClose={() => setEditing(null)} />}
    </div>
  )
})

function EditDialog({
  row,
  what,
  onClose,
}: {
  row: RunSummary
  what: 'title' | 'tags'
  onClose(): void
}) {
  const t = useT()
  const [text, setText] = useState(what === 'title' ? row.title : row.tags.join(', '))
  const save = () => {
    const tags = [
      ...new Set(
        text
          .split(/[,，]/)
          .map((tag) => tag.trim().slice(0, 64))
          .filter(Boolean),
      ),
    ].slice(0, 32)
    report(updateRun(row.run, what === 'title' ? { title: text.slice(0, 500) } : { tags }))
    onClose()
  }
  return (
    <Dialog
      title={t(what === 'title' ? 'history.rename' : 'history.editTags')}
      onClose={onClose}
      footer={
        <button type="button" className="btn primary" onClick={save}>
          {t('action.save')}
        </button>
      }
    >
      <label className="field">
        <span className="label">
          {t(what === 'title' ? 'history.titleField' : 'history.tagsField')}
        </span>
        <input
          className="input"
          dir="auto"
          autoFocus
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
              event.preventDefault()
              save()
            }
          }}
        />
      </label>
    </Dialog>
  )
}
