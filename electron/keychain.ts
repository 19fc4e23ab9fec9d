import { app, safeStorage } from 'electron'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Keeps the Hugging Face token in a file that only the system keychain can decrypt. Without a keychain, nothing is
 * kept.
 */
export class TokenStore {
  readonly #file = join(app.getPath('userData'), 'hub-token')

  /** Returns undefined if no token is kept or the keychain refuses to decrypt it. */
  get(): string | undefined {
    try {
      return safeStorage.decryptString(readFileSync(this.#file))
    } catch {
      return undefined
    }
  }

  /**
   * Keeps a token, or removes it if null. Returns whether a token is kept, which needs a keychain. Throws disk errors.
   */
  set(token: string | null): boolean {
    rmSync(this.#file, { force: true })
    if (token === null || !hasKeychain()) return false
    writeFileSync(this.#file, safeStorage.encryptString(token), { mode: 0o600, flush: true })
    return true
  }
}

/** Returns whether there is a real keychain. On Linux, Chromium falls back to a key that is public. */
function hasKeychain(): boolean {
  const backend =
    process.platform === 'linux' ? safeStorage.getSelectedStorageBackend?.() : undefined
  return safeStorage.isEncryptionAvailable() && backend !== 'basic_text' && backend !== 'unknown'
}
