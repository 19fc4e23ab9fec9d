import { RotateCcw, X } from 'lucide-react'
import { useState, type KeyboardEvent } from 'react'
import { CATALOGUE, conflicts, shortcutOf } from '../commands/catalogue.ts'
import { displayShortcut, shortcutFor } from '../commands/keys.ts'
import type { Command } from '../commands/types.ts'
import { useT } from '../i18n/index.ts'
import { resetShortcuts, setPref, usePrefs } from '../store/prefs.ts'

/** Lists every command with its shortcut, which the user can change. Marks shortcuts that several commands share. */
export function ShortcutTable() {
  const t = useT()
  const own = usePrefs((s) => s.shortcuts)
  const clashes = conflicts(own)
  return (
    <section className="panel" aria-labelledby="shortcuts">
      <header>
        <h2 id="shortcuts" className="grow">
          {t('settings.shortcuts')}
        </h2>
        <button
          type="button"
          className="btn"
          disabled={Object.keys(own).length === 0}
          onClick={resetShortcuts}
        >
          <RotateCcw size={14} />
          {t('settings.resetShortcuts')}
        </button>
      </header>
      <table className="table shortcuts">
        <thead>
          <tr>
            <th scope="col">{t('settings.command')}</th>
            <th scope="col">{t('settings.shortcut')}</th>
            <th scope="col">
              <span className="sr">{t('settings.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {CATALOGUE.map((command) => (
            <Row
              key={command.id}
              command={command}
              own={own}
              clash={clashes.get(shortcutOf(command, own)) ?? []}
            />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Row({
  command,
  own,
  clash,
}: {
  command: Command
  own: Record<string, string>
  clash: readonly Command[]
}) {
  const t = useT()
  const [recording, setRecording] = useState(false)
  const shortcut = shortcutOf(command, own)
  const others = clash.filter((other) => other.id !== command.id)
  const shown = recording
    ? t('settings.press')
    : shortcut === ''
      ? t('settings.none')
      : displayShortcut(shortcut)
  const record = (event: KeyboardEvent) => {
    if (!recording || event.key === 'Tab') return
    event.preventDefault()
    event.stopPropagation()
    if (event.key === 'Escape') return setRecording(false)
    const next = shortcutFor(event.nativeEvent)
    if (next === '') return
    setPref('shortcuts', { ...own, [command.id]: next })
    setRecording(false)
  }
  const reset = () => {
    const { [command.id]: _, ...rest } = own
    setPref('shortcuts', rest)
  }
  return (
    <tr data-shortcut={command.id}>
      <th scope="row">{t(command.title)}</th>
      <td>
        <button
          type="button"
          className={recording ? 'btn tiny recording' : 'btn tiny'}
          aria-label={`${shown} · ${t('settings.change', { command: t(command.title) })}`}
          onClick={() => setRecording(true)}
          onBlur={() => setRecording(false)}
          onKeyDown={record}
        >
          {shown}
        </button>
        {others.length > 0 && (
          <span className="bad-text small">
            {' '}
            {t('settings.conflict', { commands: others.map((other) => t(other.title)).join(', ') })}
          </span>
        )}
      </td>
      <td className="num">
        {shortcut !== '' && (
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-label={t('settings.remove', { command: t(command.title) })}
            onClick={() => setPref('shortcuts', { ...own, [command.id]: '' })}
          >
            <X size={13} />
          </button>
        )}
        {own[command.id] !== undefined && (
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-label={t('settings.reset', { command: t(command.title) })}
            onClick={reset}
          >
            <RotateCcw size={13} />
          </button>
        )}
      </td>
    </tr>
  )
}
