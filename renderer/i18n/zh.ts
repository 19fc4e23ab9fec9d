import { app } from './zh/app.ts'
import { commands } from './zh/commands.ts'
import { compose } from './zh/compose.ts'
import { history } from './zh/history.ts'
import { inspect } from './zh/inspect.ts'
import { lab } from './zh/lab.ts'
import { models } from './zh/models.ts'
import { run } from './zh/run.ts'
import { settings } from './zh/settings.ts'
import { shell } from './zh/shell.ts'

/** Chinese. The types require the English keys, file by file. */
export const zh = {
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
}
