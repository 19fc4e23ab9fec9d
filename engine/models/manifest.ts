/**
 * models/manifest.json: the models that Braid knows of. One that comes with Braid names its `file`, which lies beside the
 * manifest; the others name a repository of the hub, from which they can be had.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { findAbove } from '../programs/index.ts'
import { BraidError } from '../protocol/errors.ts'

/**
 * Keys that are not named here are kept and allowed: the bundled model's entry also tells how it was made and measured.
 * `sizeBytes` and `sha256` belong to `file`. An entry of the hub has neither: which files it is made of, their sizes and
 * their sha256 are read from the hub when the user asks for a download, so that they are those of its newest revision.
 */
export const ManifestEntry = z
  .looseObject({
    id: z.string().regex(/^[a-z0-9.-]{1,64}$/),
    name: z.string().min(1).max(256),
    /** A GGUF beside the manifest: a plain name. */
    file: z
      .string()
      .regex(/^[\w-][\w.-]*\.gguf$/)
      .optional(),
    /** Repository of the hub. */
    repo: z
      .string()
      .regex(/^[\w.-]+\/[\w.-]+$/)
      .optional(),
    /** Of the repository. `gguf`: take it as it is; `folder`: get the folder, then convert. */
    kind: z.enum(['gguf', 'folder']).optional(),
    /** Which of the repository's choices: a quantisation. */
    choice: z.string().optional(),
    sizeBytes: z.int().min(0).optional(),
    /** Hex. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    licence: z.string(),
    /** What it is good for, one sentence. */
    goodFor: z.string(),
    /** Thinks in parallel natively. */
    parallel: z.boolean(),
  })
  .refine(
    ({ file, repo, kind }) =>
      (file === undefined) !== (repo === undefined) &&
      (repo === undefined) === (kind === undefined),
    'needs either `file`, or `repo` and `kind`',
  )
export type ManifestEntry = z.infer<typeof ManifestEntry>
/** One that can be downloaded. */
export type CatalogueEntry = ManifestEntry & { repo: string; kind: 'gguf' | 'folder' }

/** `models/manifest.json` above this file; undefined where there is none. */
export const manifestFile = (): string | undefined => findAbove('models', 'manifest.json')

/** Error `internal`: the file that comes with Braid is damaged. No file: nothing. */
export function readManifest(file = manifestFile()): ManifestEntry[] {
  if (file === undefined) return []
  try {
    return z
      .object({ models: z.array(ManifestEntry) })
      .parse(JSON.parse(readFileSync(file, 'utf8'))).models
  } catch (error) {
    throw new BraidError('internal', `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** The models that can be downloaded. */
export function readCatalogue(file = manifestFile()): CatalogueEntry[] {
  return readManifest(file).filter(
    (entry): entry is CatalogueEntry => entry.repo !== undefined && entry.kind !== undefined,
  )
}

export interface Bundled {
  file: string
  name: string
  sizeBytes: number
}

/** Models that came with Braid and are there: BRAID_BUNDLED_MODEL alone where it is set, else those of the manifest. A damaged manifest has none. */
export function bundledModels(manifest = manifestFile()): Bundled[] {
  const given = process.env.BRAID_BUNDLED_MODEL
  if (given !== undefined) return describe(given, 'Bundled model')
  try {
    return readManifest(manifest).flatMap(({ file, name }) =>
      file === undefined ? [] : describe(join(dirname(manifest!), file), name),
    )
  } catch {
    return []
  }
}

/** The model that runs use which name none. */
export function bundledModel(): string | null {
  return bundledModels()[0]?.file ?? null
}

function describe(file: string, name: string): Bundled[] {
  const info = statSync(file, { throwIfNoEntry: false })
  return info?.isFile() ? [{ file, name, sizeBytes: info.size }] : []
}
