import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Returns the nearest file `parts` in this file's folder or one above it (of a checkout, an npm
 * package or an app); undefined if there is none.
 */
export function findAbove(...parts: string[]): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, ...parts)
    if (existsSync(file)) return file
    if (folder === dirname(folder)) return undefined
  }
}
