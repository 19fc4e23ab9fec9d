import type { LucideIcon } from 'lucide-react'
import type { CommandGroup } from '../../engine/protocol/bridge.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import type { MessageKey } from '../i18n/index.ts'

/** What a command acts on. Fields that the caller leaves out are taken from the window. */
export interface Target {
  run: string | null
  path: SegmentId | null
  summary: SegmentId | null
}

/** A user command. Menu, shortcut, palette, button and tooltip all read this object. */
export interface Command {
  readonly id: string
  readonly title: MessageKey
  readonly group: CommandGroup
  readonly icon: LucideIcon
  /** Written as `Mod+Shift+K`. Mod is Ctrl, or Cmd on a Mac. */
  readonly shortcut?: string
  /** Returns why the command cannot run now, or null if it can. */
  why(target: Target): MessageKey | null
  run(target: Target): unknown
}
