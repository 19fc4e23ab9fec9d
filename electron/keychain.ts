import { app, safeStorage } from 'electron'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAX_OWN_FILE, readRegular } from '../engine/files/index.ts'

/** Keeps a secret in a file that only the system keychain can decrypt. Without a keychain, nothing is kept. */
export class SecretStore {
  readonly #file: string

  constructor(name: 'hub-token' | 'server-keys') {
    this.#file = join(app.getPath('userData'), name)
  }

  /** Returns undefined if nothing is kept or the keychain refuses to decrypt it. */
  get(): string | undefined {
    try {
      return safeStorage.decryptString(readRegular(this.#file, MAX_OWN_FILE))
    } catch {
      return undefined
    }
  }

  /**
   * Keeps a secret, or removes it if null. Returns whether one is kept, which needs a keychain. Throws disk errors.
   */
  set(secret: string | null): boolean {
    rmSync(this.#file, { force: true })
    if (secret === null || !hasKeychain()) return false
    writeFileSync(this.#file, safeStorage.encryptString(secret), { mode: 0o600, flush: true })
    return true
  }
}

/** The keys of servers, by their addresses, in one secret. */
export class KeyStore {
  readonly #secret = new SecretStore('server-keys')

  get(): Record<string, string> {
    try {
      return JSON.parse(this.#secret.get() ?? '{}') as Record<string, string>
    } catch {
      return {}
    }
  }

  /** Keeps a key, or removes it if null. Returns whether it is kept. Throws disk errors. */
  set(server: string, key: string | null): boolean {
    const { [server]: _, ...others } = this.get()
    const keys = key === null ? others : { ...others, [server]: key }
    const none = Object.keys(keys).length === 0
    return this.#secret.set(none ? null : JSON.stringify(keys)) && key !== null
  }
}

/** Returns whether there is a real keychain. On Linux, Chromium falls back to a key that is public. */
function hasKeychain(): boolean {
  const backend =
    process.platform === 'linux' ? safeStorage.getSelectedStorageBackend?.() : undefined
  return safeStorage.isEncryptionAvailable() && backend !== 'basic_text' && backend !== 'unknown'
}
