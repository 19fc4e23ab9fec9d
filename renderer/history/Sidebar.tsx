import { MoreHorizontal, Star } from 'lucide-react'
import { memo, useMemo, useState } from 'react'
import { CommandButton } from '../commands/CommandButton.tsx'
import { dateTime, timeOfDay } from '../i18n/format.ts'
import { useT } from '../i18n/index.ts'
import {
  conversationsOf,
  dayOf,
  toldApart,
  type Conversation,
  type Day,
} from '../store/conversations.ts'
import { deleteRuns, search, updateRun, useHistory } from '../store/history.ts'
import { go, routeRun, useRoute } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { Menu, MenuItem, MenuSeparator } from '../ui/Menu.tsx'
import { SearchBox } from '../ui/SearchBox.tsx'
import { visible } from '../ui/visible.ts'
import { described } from './described.ts'
import { RUN_LOOK } from './run-look.ts'
import './sidebar.css'

/** The most conversations in the list; the history has all of them. */
const MOST = 200
const DAYS: readonly Day[] = ['today', 'yesterday', 'week', 'month', 'older']

/** The list of conversations beside the view: by day, to search, rename, star and delete. */
export const Sidebar = memo(function Sidebar() {
  const t = useT()
  const list = useHistory((s) => s.list)
  const here = useRoute((s) => routeRun(s.route))
  const [query, setQuery] = useState('')
  const all = useMemo(() => conversationsOf(list ?? []), [list])
  const wanted = query.trim().toLocaleLowerCase()
  const found = useMemo(
    () =>
      wanted === ''
        ? all
        : all.filter(({ runs }) =>
            runs.some(({ title, problem }) =>
              `${title}\n${problem}`.toLocaleLowerCase().includes(wanted),
            ),
          ),
    [all, wanted],
  )
  const shown = found.slice(0, MOST)
  const apart = toldApart(shown.map(({ root }) => root))
  const starred = shown.filter(({ root }) => root.starred)
  const now = new Date()
  const groups = [
    ['starred', starred] as const,
    ...DAYS.map(
      (day) =>
        [
          day,
          shown.filter(({ root, latest }) => !root.starred && dayOf(latest.time, now) === day),
        ] as const,
    ),
  ].filter(([, rows]) => rows.length > 0)
  const searchAll = () => {
    report(search(query))
    go({ view: 'history' })
  }
  return (
    <aside className="sidebar" aria-label={t('sidebar.title')}>
      <div className="row sidebar-head">
        <h2 className="grow">{t('sidebar.title')}</h2>
        <CommandButton id="app.sidebar" label="sidebar.hide" iconOnly look="quiet tiny" />
      </div>
      <SearchBox
        label={t('sidebar.search')}
        value={query}
        onChange={setQuery}
        onEnter={() => {
          if (query.trim() !== '') searchAll()
        }}
      />
      <div
        className="sidebar-list scroll"
        role="region"
        aria-label={t('sidebar.list')}
        tabIndex={0}
      >
        {all.length === 0 && <p className="small dim sidebar-none">{t('sidebar.none')}</p>}
        {groups.map(([day, rows]) => (
          <section key={day} aria-label={t(`sidebar.${day}`)}>
            <h2 className="small dim">{t(`sidebar.${day}`)}</h2>
            <ul>
              {rows.map((conversation) => (
                <Row
                  key={conversation.root.run}
                  conversation={conversation}
                  here={conversation.runs.some(({ run }) => run === here)}
                  apart={described(
                    conversation.root,
                    apart.get(conversation.root.run) ?? [],
                    dayOf(conversation.root.time, now) === day &&
                      (day === 'today' || day === 'yesterday')
                      ? timeOfDay
                      : dateTime,
                  )}
                />
              ))}
            </ul>
          </section>
        ))}
        {wanted !== '' && (
          <button type="button" className="btn quiet tiny" onClick={searchAll}>
            {t('sidebar.searchAll')}
          </button>
        )}
        {found.length > MOST && (
          <button type="button" className="btn quiet tiny" onClick={() => go({ view: 'history' })}>
            {t('sidebar.more', { count: found.length - MOST })}
          </button>
        )}
      </div>
    </aside>
  )
})

const Row = memo(function Row({
  conversation: { root, latest, runs },
  here,
  apart,
}: {
  conversation: Conversation
  here: boolean
  /** What tells it from others of the same title; '' if none has it. */
  apart: string
}) {
  const t = useT()
  const [renaming, setRenaming] = useState(false)
  const title = visible(root.title || root.problem || root.run).slice(0, 200)
  const look = RUN_LOOK[latest.status]
  if (renaming)
    return (
      <li>
        <Rename
          title={root.title}
          onDone={(next) => {
            setRenaming(false)
            if (next !== null) report(updateRun(root.run, { title: next }))
          }}
        />
      </li>
    )
  return (
    <li className={here ? 'sidebar-row here' : 'sidebar-row'} data-conversation={root.run}>
      <button
        type="button"
        className="sidebar-open"
        aria-current={here ? 'page' : undefined}
        title={title}
        disabled={latest.status === 'damaged'}
        onClick={() => go({ view: 'run', run: latest.run })}
      >
        {look !== '' && (
          <span
            className={`dot ${look}`}
            role="img"
            aria-label={t(`history.status.${latest.status}`)}
          />
        )}
        {root.starred && <Star size={12} fill="currentColor" aria-label={t('history.starred')} />}
        <span className="sidebar-title">
          <bdi className="ellipsis">{title}</bdi>
          {apart !== '' && <span className="small dim ellipsis">{apart}</span>}
        </span>
      </button>
      <Menu
        trigger={
          <button
            type="button"
            className="btn quiet icon tiny sidebar-more"
            aria-label={t('history.actions', { title })}
          >
            <MoreHorizontal size={14} />
          </button>
        }
      >
        <MenuItem onSelect={() => setRenaming(true)}>{t('history.rename')}</MenuItem>
        <MenuItem onSelect={() => report(updateRun(root.run, { starred: !root.starred }))}>
          {t(root.starred ? 'history.unstar' : 'history.star')}
        </MenuItem>
        <MenuSeparator />
        <MenuItem onSelect={() => report(deleteRuns(runs.map(({ run }) => run)))}>
          {t('action.delete')}
        </MenuItem>
      </Menu>
    </li>
  )
})

function Rename({ title, onDone }: { title: string; onDone(title: string | null): void }) {
  const t = useT()
  const [text, setText] = useState(title)
  const done = () => onDone(text.trim() === '' || text === title ? null : text.trim())
  return (
    <input
      className="input"
      autoFocus
      value={text}
      maxLength={500}
      aria-label={t('history.titleField')}
      onFocus={(event) => event.target.select()}
      onChange={(event) => setText(event.target.value)}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.key === 'Enter') done()
        if (event.key === 'Escape') onDone(null)
      }}
    />
  )
}
