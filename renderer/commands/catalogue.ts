import { usePrefs } from '../store/prefs.ts'
import { appCommands } from './app-commands.ts'
import { exportCommands } from './export-commands.ts'
import { pathCommands } from './path-commands.ts'
import { runCommands } from './run-commands.ts'
import { currentTarget } from './target.ts'
import type { Command, Target } from './types.ts'

/** All user commands. */
export const CATALOGUE: readonly Command[] = [
  ...appCommands,
  ...runCommands,
  ...pathCommands,
  ...exportCommands,
]
const byId = new Map(CATALOGUE.map((command) => [command.id, command]))

export function commandOf(id: string): Command {
  const command = byId.get(id)
  if (command === undefined) throw new Error(`No command ${id}`)
  return command
}

/** Runs a command if it can run now. */
export function runCommand(id: string, target: Partial<Target> = {}): boolean {
  const command = commandOf(id)
  const on = currentTarget(target)
  if (command.why(on) !== null) return false
  command.run(on)
  return true
}

export function shortcutOf(
  command: Command,
  own: Record<string, string> = usePrefs.getState().shortcuts,
): string {
  return own[command.id] ?? command.shortcut ?? ''
}

/** Returns the shortcuts that more than one command has. */
export function conflicts(own: Record<string, string>): Map<string, Command[]> {
  const users = new Map<string, Command[]>()
  for (const command of CATALOGUE) {
    const shortcut = shortcutOf(command, own)
    if (shortcut !== '') users.set(shortcut, [...(users.get(shortcut) ?? []), command])
  }
  return new Map([...users].filter(([, list]) => list.length > 1))
}
