import { homedir } from 'node:os'
import { join } from 'node:path'
import type { DataPart } from '../protocol/wire.ts'

/**
 * Returns the folder of the user's runs, settings and models: $BRAID_DATA, or else the platform's
 * place for application data.
 */
export function dataFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env.BRAID_DATA) return env.BRAID_DATA
  const home = env.HOME ?? homedir()
  if (platform === 'win32')
    return join(env.APPDATA ?? join(homedir(), 'AppData', 'Roaming'), 'Braid')
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Braid')
  return join(env.XDG_DATA_HOME ?? join(home, '.local', 'share'), 'braid')
}

/** Where the parts of a data folder are, inside it. */
export const DATA_PARTS: Readonly<Record<DataPart, string>> = {
  runs: 'runs',
  models: 'models',
  trash: join('runs', 'trash'),
}
