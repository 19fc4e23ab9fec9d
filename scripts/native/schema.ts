/** llama.cpp's converter of JSON schemas to grammars, a static library for the addon, built once per cache. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build, configure } from './cmake.ts'
import type { LlamaBuild } from './llama.ts'
import { addonDir } from './paths.ts'
import type { OnProgress } from './progress.ts'

/** Returns the path of the library. */
export async function ensureSchema(llama: LlamaBuild, onProgress: OnProgress): Promise<string> {
  const source = join(addonDir, 'schema')
  const hash = createHash('sha256')
  for (const name of readdirSync(source).sort()) hash.update(readFileSync(join(source, name)))
  const key = hash.digest('hex').slice(0, 12)
  const folder = join(dirname(llama.build), `schema-${key}`)
  const bin = join(folder, 'bin')
  const done = join(folder, 'done')
  if (!existsSync(done)) {
    await configure(source, folder, bin, { BRAID_LLAMA_SOURCE: llama.source })
    await build(folder, ['braid-schema'], 'Compiling the converter of schemas', onProgress)
    writeFileSync(done, '')
  }
  const name = readdirSync(bin).find((file) => /^(lib)?braid-schema\.(a|lib)$/.test(file))
  return join(bin, name!)
}
