/** Folders where other programs keep their models, according to those programs' documentation. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readText } from '../../files/index.ts'

export const PROGRAMS = ['lm-studio', 'ollama', 'jan', 'huggingface', 'llama.cpp'] as const
export type Program = (typeof PROGRAMS)[number]
export interface Place {
  program: Program
  folder: string
}

/** Returns folders that may exist. They are searched only when the user asks. */
export function places(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Place[] {
  const home = (platform === 'win32' ? env.USERPROFILE : env.HOME) ?? homedir()
  const data =
    {
      win32: env.APPDATA ?? join(home, 'AppData', 'Roaming'),
      darwin: join(home, 'Library', 'Application Support'),
    }[platform as 'win32' | 'darwin'] ??
    env.XDG_DATA_HOME ??
    join(home, '.local', 'share')
  const config =
    platform === 'win32' || platform === 'darwin'
      ? data
      : (env.XDG_CONFIG_HOME ?? join(home, '.config'))
  const cache =
    {
      win32: env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'),
      darwin: join(home, 'Library', 'Caches'),
    }[platform as 'win32' | 'darwin'] ??
    env.XDG_CACHE_HOME ??
    join(home, '.cache')
  const list: [Program, string | undefined][] = [
    ['lm-studio', pointed(join(home, '.lmstudio-home-pointer'))],
    ['lm-studio', join(home, '.lmstudio', 'models')],
    ['lm-studio', join(home, '.cache', 'lm-studio', 'models')],
    ['ollama', env.OLLAMA_MODELS],
    ['ollama', join(home, '.ollama', 'models')],
    ['ollama', platform === 'linux' ? '/usr/share/ollama/.ollama/models' : undefined],
    ['jan', join(data, 'Jan', 'data', 'llamacpp', 'models')],
    ['jan', join(data, 'Jan', 'data', 'models')],
    ['jan', join(config, 'Jan', 'data', 'llamacpp', 'models')],
    ['jan', join(home, 'jan', 'models')],
    ['huggingface', env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE],
    ['huggingface', env.HF_HOME && join(env.HF_HOME, 'hub')],
    ['huggingface', join(env.XDG_CACHE_HOME ?? join(home, '.cache'), 'huggingface', 'hub')],
    ['llama.cpp', env.LLAMA_CACHE ?? join(cache, 'llama.cpp')],
  ]
  const seen = new Set<string>()
  return list.flatMap(([program, folder]) => {
    if (!folder || seen.has(folder)) return []
    seen.add(folder)
    return [{ program, folder }]
  })
}

/**
 * Returns the models folder of an LM Studio home that was moved; LM Studio records the new place in
 * a file.
 */
function pointed(file: string): string | undefined {
  try {
    const home = readText(file, 4096).trim()
    return home === '' ? undefined : join(home, 'models')
  } catch {
    return undefined
  }
}
