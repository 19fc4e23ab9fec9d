import { useVirtualizer } from '@tanstack/react-virtual'
import { FileDown, GitCompare, Import, Star, Trash2 } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { CommandButton } from '../commands/CommandButton.tsx'
import { exportRuns } from '../commands/export-commands.ts'
import { STRATEGIES } from '../../engine/protocol/request.ts'
import { useT, type MessageKey } from '../i18n/index.ts'
import {
  deleteRuns,
  openRuns,
  refreshHistory,
  search,
  stateOf,
  useHistory,
  visibleRuns,
  type RunState,
} from '../store/history.ts'
import { linesByDay, type Line } from '../store/conversations.ts'
import { SampleButton } from '../run/FirstMinute.tsx'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { Menu, MenuItem } from '../ui/Menu.tsx'
import { visible } from '../ui/visible.ts'
import { SearchBox } from '../ui/SearchBox.tsx'
import { HistoryRow } from './HistoryRow.tsx'
import './history.css'

const ROW = 64
const HEADING = 34

const keyOf = (line: Line): string => ('run' in line ? line.run.run : line.day)

/** Lists all saved runs, to search, star, tag, open, export and delete them. */
export function HistoryView() {
  const t = useT()
  const { list, query, found, starredOnly, tag, only, selected } = useHistory()
  const rows = visibleRuns({ list, found, starredOnly, tag, only })
  // What a search found stands in its own order, best first.
  const lines: Line[] =
    found === null ? linesByDay(rows, new Date()) : rows.map((run) => ({ run, turn: 0 }))
  const places = new Map(
    lines.flatMap((line) => ('run' in line ? [line.run.run] : [])).map((run, i) => [run, i + 1]),
  )
  const snippets = new Map(found?.map(({ run, snippet }) => [run, snippet]))
  const scroller = useRef<HTMLDivElement>(null)
  useEffect(() => {
    refreshHistory().catch(() => undefined)
  }, []) // if not connected, the list comes with the connection
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => ('run' in lines[i]! ? ROW : HEADING),
    overscan: 6,
    getItemKey: (i) => keyOf(lines[i]!),
    useFlushSync: false,
  })
  return (
    <div className="page history">
      <div className="row">
        <h1 className="page-title grow">{t('history.title')}</h1>
        <label className="btn">
          <Import size={14} aria-hidden />
          {t('history.import')}
          <input
            type="file"
            className="sr"
            multiple
            accept=".braid,.json,.jsonl,application/json"
            aria-label={t('history.import')}
            onChange={(event) => {
              report(openRuns([...event.target.files!]))
              event.target.value = ''
            }}
          />
        </label>
      </div>
      <Filters tags={[...new Set(list?.flatMap((item) => item.tags) ?? [])].sort()} />
      {selected.size > 0 && <Selection runs={[...selected]} />}
      <div
        ref={scroller}
        className="panel history-list scroll"
        role="region"
        aria-label={t('history.list')}
        tabIndex={0}
      >
        {list?.length === 0 ? (
          <NoRun />
        ) : (
          list !== null && rows.length === 0 && <p className="body dim">{t('history.noMatch')}</p>
        )}
        <ul style={{ blockSize: virtual.getTotalSize() }} className="history-rows">
          {virtual.getVirtualItems().map((item) => {
            const line = lines[item.index]!
            return (
              <li
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                style={{ transform: `translateY(${item.start}px)` }}
                {...('run' in line && {
                  'aria-setsize': rows.length,
                  'aria-posinset': places.get(line.run.run),
                })}
              >
                {'run' in line ? (
                  <HistoryRow
                    row={line.run}
                    query={found === null ? '' : query}
                    snippet={snippets.get(line.run.run)}
                    turn={line.turn}
                    selected={selected.has(line.run.run)}
                  />
                ) : (
                  <h2 className="small dim history-day">{t(`sidebar.${line.day}`)}</h2>
                )}
              </li>
            )
          })}
        </ul>
      </div>
      <div className="small dim num" role="status">
        <p>{t('history.count', { count: rows.length })}</p>
        {found !== null && <Skipped />}
      </div>
    </div>
  )
}

function Filters({ tags }: { tags: string[] }) {
  const t = useT()
  const { list, query, starredOnly, tag } = useHistory()
  return (
    <div className="row wrap">
      <SearchBox
        label={t('history.search')}
        value={query}
        onChange={(text) => report(search(text))}
      />
      <button
        type="button"
        className="btn"
        aria-pressed={starredOnly}
        onClick={() => useHistory.setState({ starredOnly: !starredOnly })}
      >
        <Star size={14} />
        {t('history.starred')}
      </button>
      <Only
        of="model"
        all={t('history.allModels')}
        options={[...new Set(list?.map((one) => (one.status === 'queued' ? '' : one.model)) ?? [])]
          .filter((name) => name !== '')
          .sort()
          .map((name) => [name, visible(name)])}
      />
      <Only
        of="strategy"
        all={t('history.allStrategies')}
        options={STRATEGIES.filter((one) => list?.some(({ strategy }) => strategy === one)).map(
          (one) => [one, t(`strategy.${one}`)],
        )}
      />
      <Only
        of="state"
        all={t('history.allStates')}
        options={[...new Set(list?.map(stateOf) ?? [])].sort().map((one) => [one, t(STATE[one])])}
      />
      {tags.length > 0 && (
        <select
          className="select tag-filter"
          aria-label={t('history.tag')}
          value={tag ?? ''}
          onChange={(event) =>
            useHistory.setState({ tag: event.target.value === '' ? null : event.target.value })
          }
        >
          <option value="">{t('history.allTags')}</option>
          {tags.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
    </div>
  )
}

const NAMED = 3

/** Says which runs the search left out. */
function Skipped() {
  const t = useT()
  const { list, skipped } = useHistory()
  const titles = new Map(list?.map(({ run, title }) => [run, visible(title).slice(0, 80)]))
  return (['slow', 'damaged'] as const).map((why) => {
    const runs = skipped.filter((one) => one.why === why).map(({ run }) => titles.get(run) ?? run)
    if (runs.length === 0) return null
    const names = runs.slice(0, NAMED).join(', ') + (runs.length > NAMED ? ', …' : '')
    return (
      <p key={why}>
        <bdi>{t(`history.${why}`, { count: runs.length, names })}</bdi>
      </p>
    )
  })
}

const STATE: Record<RunState, MessageKey> = {
  queued: 'history.status.queued',
  running: 'history.status.running',
  ended: 'history.status.ended',
  failed: 'history.status.failed',
  interrupted: 'history.status.interrupted',
  damaged: 'history.status.damaged',
  stopped: 'outcome.stopped',
  cut: 'outcome.cut',
  'no-answer': 'outcome.no-answer',
}

/** A filter by one field, where runs differ in it. */
function Only({
  of,
  all,
  options,
}: {
  of: 'model' | 'strategy' | 'state'
  all: string
  options: [value: string, label: string][]
}) {
  const only = useHistory((s) => s.only)
  const value = only[of] ?? ''
  if (options.length < 2 && value === '') return null
  return (
    <select
      className="select tag-filter"
      aria-label={all}
      value={value}
      onChange={({ target }) => {
        const { [of]: _, ...others } = only
        useHistory.setState({
          only: target.value === '' ? others : { ...others, [of]: target.value },
        })
      }}
    >
      <option value="">{all}</option>
      {options.map(([name, label]) => (
        <option key={name} value={name}>
          {label}
        </option>
      ))}
    </select>
  )
}

function Selection({ runs }: { runs: string[] }) {
  const t = useT()
  return (
    <div className="row selection" role="toolbar" aria-label={t('history.selection')}>
      <span className="num">{t('history.selected', { count: runs.length })}</span>
      <button
        type="button"
        className="btn"
        disabled={runs.length < 2}
        onClick={() => go({ view: 'compare-runs', runs })}
      >
        <GitCompare size={14} />
        {t('history.compare')}
      </button>
      <Menu
        trigger={
          <button type="button" className="btn">
            <FileDown size={14} />
            {t('run.export')}
          </button>
        }
      >
        {(['md', 'html', 'json'] as const).map((format) => (
          <MenuItem key={format} onSelect={() => report(exportRuns(runs, format))}>
            {t(`format.${format}`)}
          </MenuItem>
        ))}
      </Menu>
      <button type="button" className="btn danger" onClick={() => report(deleteRuns(runs))}>
        <Trash2 size={14} />
        {t('action.delete')}
      </button>
      <button
        type="button"
        className="btn quiet"
        onClick={() => useHistory.setState({ selected: new Set() })}
      >
        {t('history.clear')}
      </button>
    </div>
  )
}

function NoRun() {
  const t = useT()
  return (
    <div className="body col">
      <p className="dim">{t('history.none')}</p>
      <div className="row wrap">
        <CommandButton id="app.new" />
        <SampleButton />
      </div>
    </div>
  )
}
