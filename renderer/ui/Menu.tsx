import * as Dropdown from '@radix-ui/react-dropdown-menu'
import type { ReactElement, ReactNode } from 'react'
import { commandOf, runCommand, shortcutOf } from '../commands/catalogue.ts'
import { displayShortcut } from '../commands/keys.ts'
import { useWhy } from '../commands/CommandButton.tsx'
import type { Target } from '../commands/types.ts'
import { useT } from '../i18n/index.ts'

/** A menu below its trigger button. */
export function Menu({ trigger, children }: { trigger: ReactElement; children: ReactNode }) {
  return (
    <Dropdown.Root modal={false}>
      <Dropdown.Trigger asChild>{trigger}</Dropdown.Trigger>
      <Dropdown.Portal>
        <Dropdown.Content className="menu" align="end" sideOffset={4} collisionPadding={8}>
          {children}
        </Dropdown.Content>
      </Dropdown.Portal>
    </Dropdown.Root>
  )
}

export const MenuSeparator = () => <Dropdown.Separator className="menu-sep" />

export function MenuItem({
  children,
  onSelect,
  disabled = false,
}: {
  children: ReactNode
  onSelect(): void
  disabled?: boolean
}) {
  return (
    <Dropdown.Item className="menu-item" onSelect={onSelect} disabled={disabled}>
      {children}
    </Dropdown.Item>
  )
}

export function MenuCommand({ id, target }: { id: string; target?: Partial<Target> }) {
  const t = useT()
  const command = commandOf(id)
  const why = useWhy(id, target)
  const shortcut = shortcutOf(command)
  return (
    <Dropdown.Item
      className="menu-item"
      disabled={why !== null}
      onSelect={() => runCommand(id, target)}
    >
      <command.icon size={14} aria-hidden />
      <span className="grow">
        <span>{t(command.title)}</span>
        {why !== null && <span className="why"> · {t(why)}</span>}
      </span>
      {shortcut !== '' && <span className="kbd">{displayShortcut(shortcut)}</span>}
    </Dropdown.Item>
  )
}
