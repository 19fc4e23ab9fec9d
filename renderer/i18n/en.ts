import { app } from './en/app.ts'
import { commands } from './en/commands.ts'
import { compose } from './en/compose.ts'
import { history } from './en/history.ts'
import { inspect } from './en/inspect.ts'
import { lab } from './en/lab.ts'
import { models } from './en/models.ts'
import { run } from './en/run.ts'
import { settings } from './en/settings.ts'
import { shell } from './en/shell.ts'

/** Every text of the window, with one file per view. */
export const en = {
  ...app,
  ...commands,
  ...compose,
  ...history,
  ...inspect,
  ...lab,
  ...models,
  ...run,
  ...settings,
  ...shell,
} as const
