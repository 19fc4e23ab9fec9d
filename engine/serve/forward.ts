import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Returns a page that goes on to an address at once. */
export const forwardPage = (url: string): string =>
  `<!doctype html><meta http-equiv="refresh" content="0;url=${url}"><title>Braid</title>`

/**
 * Writes a page that only this user can read and that goes on to an address. A browser is started
 * with this file: programs' arguments can be read by other users, its content cannot. Returns the
 * file and what removes it.
 */
export function forwardFile(url: string): { file: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'braid-open-')) // of mode 0700
  const file = join(folder, 'open.html')
  writeFileSync(file, forwardPage(url), { mode: 0o600, flag: 'wx' })
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
