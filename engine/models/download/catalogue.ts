/** models/catalogue.json: models that Braid knows of and can get. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { BraidError } from '../../protocol/errors.ts'

export const CatalogueEntry = z.object({
  id: z.string().regex(/^[a-z0-9.-]{1,64}$/),
  name: z.string(),
  /** Repository of the hub. */
  repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  /** `gguf`: take it as it is; `folder`: get the folder, then convert. */
  kind: z.enum(['gguf', 'folder']),
  /** Which of the repository's choices: a quantisation. */
  choice: z.string().optional(),
  /** Bytes to download, about; the hub says them exactly. */
  sizeBytes: z.int().nullable(),
  /** Hex; null: the hub's own checksum is used. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/).nullable(),
  licence: z.string(),
  goodFor: z.string(),
  /** Thinks in parallel natively. */
  parallel: z.boolean(),
})
export type CatalogueEntry = z.infer<typeof CatalogueEntry>

/** Error `internal`: the file that comes with Braid is damaged. */
export function readCatalogue(file: string): CatalogueEntry[] {
  try {
    return z.object({ models: z.array(CatalogueEntry) }).parse(JSON.parse(readFileSync(file, 'utf8'))).models
  } catch (error) {
    throw new BraidError('internal', `${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
