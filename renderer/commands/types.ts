import type { LucideIcon } from 'lucide-react'
import type { CommandGroup } from '../../engine/protocol/bridge.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import type { MessageKey } from '../i18n/index.ts'

/** What a command acts on; what a caller leaves out is taken from the window. */
export interface Target {
  run: string | null
  path: SegmentId | null
  summary: SegmentId | null
}

/** One user command: menu, key, palette, button and tooltip all read this object. */
export interface Command {
  readonly id: string
  readonly title: MessageKey
  readonly group: CommandGroup
  readonly icon: LucideIcon
  /** As `Mod+Shift+K`; Mod is Ctrl, on a Mac Cmd. */
  readonly shortcut?: string
  /** Why it cannot run now; null: it can. */
  why(target: Target): MessageKey | null
  run(target: Target): unknown
}
