import { Command as Cmdk } from 'cmdk'
import { useMemo, useState } from 'react'
import { useT } from '../i18n/index.ts'
import { useHistory } from '../store/history.ts'
import { go } from '../store/route.ts'
import { closeDialog } from '../store/ui.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { visible } from '../ui/visible.ts'
import { CATALOGUE, runCommand, shortcutOf } from './catalogue.ts'
import { displayShortcut } from './keys.ts'
import { currentTarget } from './target.ts'
import './palette.css'

const GROUPS = ['compose', 'run', 'path', 'export', 'view', 'app'] as const

/** Every command by name, and the recent runs by their problem. Those that cannot run say why. */
export function Palette() {
  const t = useT()
  const runs = useHistory((s) => s.list)
  const [target] = useState(() => currentTarget())
  const rows = useMemo(() => CATALOGUE.filter((command) => command.id !== 'app.palette').map((command) => ({ command, why: command.why(target) })), [target])
  const choose = (act: () => void) => {
    closeDialog()
    setTimeout(act) // after the dialog gave the focus back
  }
  return (
    <Dialog title={t('cmd.palette')} onClose={closeDialog} className="palette">
      <Cmdk label={t('cmd.palette')} loop>
        <Cmdk.Input className="input" autoFocus placeholder={t('palette.placeholder')} />
        <Cmdk.List className="palette-list scroll" label={t('palette.list')}>
          <Cmdk.Empty className="dim palette-empty">{t('palette.none')}</Cmdk.Empty>
          {GROUPS.map((group) => (
            <Cmdk.Group key={group} heading={t(`group.${group}`)}>
              {rows.filter(({ command }) => command.group === group).map(({ command, why }) => (
                <Cmdk.Item key={command.id} value={`${t(command.title)} ${command.id}`} disabled={why !== null} className="menu-item" onSelect={() => choose(() => runCommand(command.id, target))}>
                  <command.icon size={14} aria-hidden /><span>{t(command.title)}</span>
                  {why !== null && <span className="why ellipsis">{t(why)}</span>}
                  {shortcutOf(command) !== '' && <span className="kbd">{displayShortcut(shortcutOf(command))}</span>}
                </Cmdk.Item>
              ))}
            </Cmdk.Group>
          ))}
          {runs !== null && runs.length > 0 && (
            <Cmdk.Group heading={t('group.history')}>
              {runs.slice(0, 50).map((item) => (
                <Cmdk.Item key={item.run} value={`${item.title.slice(0, 200)} ${item.run}`} className="menu-item" onSelect={() => choose(() => go({ view: 'run', run: item.run }))}>
                  <bdi className="ellipsis">{visible(item.title)}</bdi>
                </Cmdk.Item>
              ))}
            </Cmdk.Group>
          )}
        </Cmdk.List>
      </Cmdk>
    </Dialog>
  )
}
