import { Command as Cmdk } from 'cmdk'
import { useMemo, useState } from 'react'
import { useT, type MessageKey } from '../i18n/index.ts'
import { useHistory } from '../store/history.ts'
import { go } from '../store/route.ts'
import { closeDialog } from '../store/ui.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { visible } from '../ui/visible.ts'
import { CATALOGUE, runCommand, shortcutOf } from './catalogue.ts'
import { displayShortcut } from './keys.ts'
import { match } from './match.ts'
import { currentTarget } from './target.ts'
import type { Command } from './types.ts'
import './palette.css'

const GROUPS = ['compose', 'run', 'path', 'export', 'view', 'app'] as const
const MAX_RUNS = 50

/** Lists every command by name and every run by title. A command that cannot run says why. */
export function Palette() {
  const t = useT()
  const runs = useHistory((s) => s.list)
  const [target] = useState(() => currentTarget())
  const [typed, setTyped] = useState('')
  const commands = useMemo(
    () =>
      CATALOGUE.filter((command) => command.id !== 'app.palette').map((command) => ({
        command,
        name: t(command.title),
        why: command.why(target),
      })),
    [target, t],
  )
  const choose = (act: () => void) => {
    closeDialog()
    setTimeout(act) // after the dialog has returned the focus
  }
  const row = ({
    command,
    name,
    why,
  }: {
    command: Command
    name: string
    why: MessageKey | null
  }) => (
    <Cmdk.Item
      key={command.id}
      value={command.id}
      disabled={why !== null}
      className="menu-item"
      onSelect={() => choose(() => runCommand(command.id, target))}
    >
      <command.icon size={14} aria-hidden />
      <span>{name}</span>
      {why !== null && <span className="why ellipsis">{t(why)}</span>}
      {shortcutOf(command) !== '' && (
        <span className="kbd">{displayShortcut(shortcutOf(command))}</span>
      )}
    </Cmdk.Item>
  )
  const best = commands
    .map((one) => ({ ...one, score: match(one.name, typed) - (one.why === null ? 0 : 0.5) }))
    .filter((one) => one.score > 0)
    .sort((a, b) => b.score - a.score)
  const found = (runs ?? []).filter((item) => match(item.title, typed) > 0).slice(0, MAX_RUNS)
  return (
    <Dialog title={t('cmd.palette')} onClose={closeDialog} className="palette">
      <Cmdk label={t('cmd.palette')} loop shouldFilter={false}>
        <Cmdk.Input
          className="input"
          autoFocus
          placeholder={t('palette.placeholder')}
          value={typed}
          onValueChange={setTyped}
        />
        <Cmdk.List className="palette-list scroll" label={t('palette.list')}>
          <Cmdk.Empty className="dim palette-empty">{t('palette.none')}</Cmdk.Empty>
          {typed.trim() === ''
            ? GROUPS.map(
                (group) =>
                  [
                    group,
                    commands.filter(({ command, why }) => command.group === group && why === null),
                  ] as const,
              )
                .filter(([, usable]) => usable.length > 0)
                .map(([group, usable]) => (
                  <Cmdk.Group key={group} heading={t(`group.${group}`)}>
                    {usable.map(row)}
                  </Cmdk.Group>
                ))
            : best.map(row)}
          {found.length > 0 && (
            <Cmdk.Group heading={t('group.history')}>
              {found.map((item) => (
                <Cmdk.Item
                  key={item.run}
                  value={item.run}
                  className="menu-item"
                  onSelect={() => choose(() => go({ view: 'run', run: item.run }))}
                >
                  <bdi className="ellipsis">{visible(item.title)}</bdi>
                </Cmdk.Item>
              ))}
            </Cmdk.Group>
          )}
          {typed.trim() === '' && (
            <Cmdk.Group heading={t('palette.notNow')}>
              {commands.filter(({ why }) => why !== null).map(row)}
            </Cmdk.Group>
          )}
        </Cmdk.List>
      </Cmdk>
    </Dialog>
  )
}
