import { app, safeStorage } from 'electron'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The hub's token: in a file that only the system's keychain can decrypt. Without a keychain nothing is kept. */
export class TokenStore {
  readonly #file = join(app.getPath('userData'), 'hub-token')

  /** undefined: none is kept, or the keychain does not give it out. */
  get(): string | undefined {
    try {
      return safeStorage.decryptString(readFileSync(this.#file))
    } catch {
      return undefined
    }
  }

  /** null forgets it. false: this system has no keychain. Errors of the disk are thrown. */
  set(token: string | null): boolean {
    rmSync(this.#file, { force: true })
    if (token === null || !hasKeychain()) return false
    writeFileSync(this.#file, safeStorage.encryptString(token), { mode: 0o600, flush: true })
    return true
  }
}

/** On Linux Chromium falls back to a key that every program knows. */
function hasKeychain(): boolean {
  const backend =
    process.platform === 'linux' ? safeStorage.getSelectedStorageBackend?.() : undefined
  return safeStorage.isEncryptionAvailable() && backend !== 'basic_text' && backend !== 'unknown'
}
