import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DataPart, Result } from '../protocol/wire.ts'
import { DATA_PARTS } from '../transcripts/index.ts'

const PARTS = Object.entries(DATA_PARTS) as [DataPart, string][]

/** Returns the folders of a data folder that grow, with the bytes of the files in each. */
export const storageOf = (folder: string): Promise<Result<'storage.list'>> =>
  Promise.all(
    PARTS.map(async ([what, path]) => ({
      what,
      folder: join(folder, path),
      bytes: await bytesIn(join(folder, path), what === 'runs' ? ['trash'] : []),
    })),
  )

/** Returns the bytes of the files below a folder; 0 if there is none. Links are not followed. */
async function bytesIn(folder: string, without: readonly string[] = []): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const sizes = entries
    .filter(({ name }) => !without.includes(name))
    .map((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return bytesIn(path)
      // A file may be gone by now.
      return entry.isFile()
        ? stat(path).then(
            ({ size }) => size,
            () => 0,
          )
        : 0
    })
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
