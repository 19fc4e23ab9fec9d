/**
 * Reads models/manifest.json, the list of models that Braid knows. A bundled model names its
 * `file`, which is stored beside the manifest; any other names a repository of the hub to download
 * it from.
 */
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { MAX_OWN_FILE, readText } from '../files/index.ts'
import { findAbove } from '../programs/index.ts'
import { BraidError } from '../protocol/errors.ts'
import { GoodFor } from '../protocol/models.ts'

/**
 * Unknown keys are allowed and kept: the bundled model's entry also records how it was made and
 * measured. `sizeBytes` and `sha256` belong to `file`. An entry of the hub has neither, only
 * `aboutBytes`: its files, their sizes and their sha256 are read from the hub at download time, so
 * that they match the newest revision.
 */
export const ManifestEntry = z
  .looseObject({
    id: z.string().regex(/^[a-z0-9.-]{1,64}$/),
    name: z.string().min(1).max(256),
    /** A GGUF beside the manifest, as a plain name. */
    file: z
      .string()
      .regex(/^[\w-][\w.-]*\.gguf$/)
      .optional(),
    /** Repository on the hub. */
    repo: z
      .string()
      .regex(/^[\w.-]+\/[\w.-]+$/)
      .optional(),
    /**
     * What the repository provides. `gguf`: a file to use directly; `folder`: a folder to convert.
     */
    kind: z.enum(['gguf', 'folder']).optional(),
    /** The repository's choice to take: a quantisation. */
    choice: z.string().optional(),
    sizeBytes: z.int().min(0).optional(),
    /** SHA-256 in hex. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    licence: z.string(),
    /** About how many bytes the hub's files have: what is said of them before the hub is asked. */
    aboutBytes: z.int().min(1).optional(),
    /** What the model is good for, in one sentence. */
    goodFor: GoodFor,
    /** Whether the model natively supports parallel thinking. */
    parallel: z.boolean(),
  })
  .refine(
    ({ file, repo, kind }) =>
      (file === undefined) !== (repo === undefined) &&
      (repo === undefined) === (kind === undefined),
    'needs either `file`, or `repo` and `kind`',
  )
export type ManifestEntry = z.infer<typeof ManifestEntry>
/** A model that can be downloaded. */
export type CatalogueEntry = ManifestEntry & { repo: string; kind: 'gguf' | 'folder' }

/** Returns the path of `models/manifest.json` above this file; undefined if there is none. */
export const manifestFile = (): string | undefined => findAbove('models', 'manifest.json')

/**
 * Reads the manifest; without a file there are no entries. Throws `internal` if the file is
 * damaged.
 */
export function readManifest(file = manifestFile()): ManifestEntry[] {
  if (file === undefined) return []
  try {
    return z
      .object({ models: z.array(ManifestEntry) })
      .parse(JSON.parse(readText(file, MAX_OWN_FILE))).models
  } catch (error) {
    throw new BraidError('internal', `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Returns the models that can be downloaded. */
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

/**
 * Returns the bundled models that exist: only BRAID_BUNDLED_MODEL if it is set, else those of the
 * manifest. A damaged manifest yields none.
 */
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

/** Returns the model for runs that name none. */
export function bundledModel(): string | null {
  return bundledModels()[0]?.file ?? null
}

function describe(file: string, name: string): Bundled[] {
  const info = statSync(file, { throwIfNoEntry: false })
  return info?.isFile() ? [{ file, name, sizeBytes: info.size }] : []
}
