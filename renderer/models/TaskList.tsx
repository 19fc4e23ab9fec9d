import { ArrowDownToLine, Check, Cpu, Pause, Play, RefreshCw, X } from 'lucide-react'
import type { Task } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { bytes, duration } from '../i18n/format.ts'
import { errorWords, noticeWords } from '../i18n/wording.ts'
import { host } from '../store/host.ts'
import { chooseModel, useModels } from '../store/models.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { Tip } from '../ui/Tip.tsx'
import { visible } from '../ui/visible.ts'

const ICONS = { download: ArrowDownToLine, convert: RefreshCw, backend: Cpu } as const

/** Lists downloads and conversions with their progress. Renders nothing if there are none. */
export function TaskList() {
  const t = useT()
  const tasks = useModels((s) => s.tasks)
  if (tasks.length === 0) return null
  return (
    <section className="panel" aria-label={t('task.list')}>
      <ul className="task-list model-list">
        {tasks.map((task) => (
          <TaskRow key={task.id} task={task} />
        ))}
      </ul>
    </section>
  )
}

function TaskRow({ task }: { task: Task }) {
  const t = useT()
  const Icon = ICONS[task.kind]
  const name = visible(task.name)
  const command = (what: 'pause' | 'resume' | 'cancel' | 'clear') =>
    report(host.call('tasks.command', { task: task.id, command: what }))
  const use = (file: string) => {
    report(chooseModel(file))
    go({ view: 'compose' })
  }
  const active = task.state === 'running' || task.state === 'waiting'
  return (
    <li className="task-row" data-task={task.state}>
      <Icon size={16} aria-hidden className="dim" />
      <div className="col tight grow">
        <div className="row">
          <bdi className="ellipsis">
            <strong>{name}</strong>
          </bdi>
          <span className="small dim">
            {t(task.state === 'running' ? `task.phase.${task.phase}` : `task.state.${task.state}`)}
          </span>
        </div>
        {task.state !== 'done' && task.state !== 'failed' && (
          <progress
            max={1}
            {...(task.fraction === null
              ? task.state === 'running'
                ? {}
                : { value: 0 }
              : { value: task.fraction })}
            aria-label={t('task.progress', { name })}
          />
        )}
        {task.error !== undefined && (
          <p className="small bad-text" dir="auto">
            {visible(errorWords(task.error))}
          </p>
        )}
        {task.notices?.map((notice) => (
          <p key={JSON.stringify(notice)} className="small" dir="auto">
            {visible(noticeWords(notice))}
          </p>
        ))}
        {task.state === 'done' && task.file !== undefined && (
          <span className="small dim mono ellipsis" dir="ltr">
            {visible(task.file)}
          </span>
        )}
      </div>
      <span className="small dim num task-figures">{figures(task, t)}</span>
      <div className="row task-actions">
        {active && task.kind !== 'backend' && (
          <Act label={t('task.pause', { name })} onClick={() => command('pause')}>
            <Pause size={14} />
          </Act>
        )}
        {(task.state === 'paused' || task.state === 'failed') && (
          <Act label={t('task.resume', { name })} onClick={() => command('resume')}>
            <Play size={14} />
          </Act>
        )}
        {task.state === 'done' && task.file !== undefined && (
          <button type="button" className="btn tiny" onClick={() => use(task.file!)}>
            {t('models.use')}
          </button>
        )}
        {task.state === 'done' ? (
          <Act label={t('task.clear', { name })} onClick={() => command('clear')}>
            <Check size={14} />
          </Act>
        ) : (
          <Act label={t('task.cancel', { name })} onClick={() => command('cancel')}>
            <X size={14} />
          </Act>
        )}
      </div>
    </li>
  )
}

function Act({
  label,
  onClick,
  children,
}: {
  label: string
  onClick(): void
  children: React.ReactNode
}) {
  return (
    <Tip text={label}>
      <button type="button" className="btn quiet icon tiny" aria-label={label} onClick={onClick}>
        {children}
      </button>
    </Tip>
  )
}

function figures(task: Task, t: ReturnType<typeof useT>): string {
  if (task.state === 'done' || task.state === 'failed') return ''
  const parts: string[] = []
  if (task.done !== undefined && task.done > 0 && task.phase === 'download')
    parts.push(
      (task.total ?? null) === null
        ? bytes(task.done)
        : t('task.of', { done: bytes(task.done), total: bytes(task.total!) }),
    )
  else if (task.fraction !== null) parts.push(`${Math.round(100 * task.fraction)} %`)
  if (task.bytesPerSecond !== undefined && task.bytesPerSecond > 0) {
    parts.push(t('task.speed', { speed: bytes(task.bytesPerSecond) }))
    if (typeof task.total === 'number' && task.done !== undefined)
      parts.push(
        t('task.left', { time: duration((1000 * (task.total - task.done)) / task.bytesPerSecond) }),
      )
  }
  return parts.join(' · ')
}
