/**
 * Resolves what a user names (a model of the catalogue, a repository or an address) to the files to
 * download.
 */
import { createHash } from 'node:crypto'
import { basename, posix } from 'node:path'
import { fail } from '../../protocol/errors.ts'
import type { CatalogueEntry } from '../manifest.ts'
import { partNames } from '../model-files.ts'
import { wantedFiles, type WantedFile } from './get.ts'
import {
  chooseFor,
  decodePart,
  parseHubRef,
  readRepo,
  type HubChoice,
  type HubRef,
  type HubRepo,
} from './hub.ts'
import type { Net } from './net.ts'

/**
 * What the named place holds. `url` is a file outside the hub; its `files` include the other parts
 * of a split model.
 */
export type Look =
  | { kind: 'repo'; ref: HubRef; repo: HubRepo; chosen?: HubChoice }
  | { kind: 'url'; name: string; files: WantedFile[] }

/**
 * Looks up the name on the hub; does not open other addresses. Throws `bad-request`,
 * `model-not-found`, `io` or `cancelled`.
 */
export async function look(
  net: Net,
  text: string,
  catalogue: readonly CatalogueEntry[],
  signal?: AbortSignal,
): Promise<Look> {
  const known = catalogue.find(({ id }) => id === text)
  const ref = known
    ? { repo: known.repo, quantisation: known.kind === 'folder' ? 'safetensors' : known.choice }
    : parseHubRef(text, net.hub)
  if (ref === undefined) {
    const url = net.allow(text)
    const name = decodePart(basename(url.pathname))
    if (!/\.gguf$/i.test(name)) throw fail('bad-request/no-gguf-address')
    return {
      kind: 'url',
      name,
      files: partNames(name).map((part) => ({ url: partUrl(url, part), name: part })),
    }
  }
  const repo = await readRepo(net, ref, signal)
  return { kind: 'repo', ref, repo, chosen: chooseFor(ref, repo) }
}

/** Returns the address of another part of a split model. */
function partUrl(url: URL, name: string): string {
  const other = new URL(url)
  other.pathname = url.pathname.replace(
    /\d{5}-of-\d{5}\.gguf$/,
    /\d{5}-of-\d{5}\.gguf$/.exec(name)?.[0] ?? '$&',
  )
  return other.href
}

export interface Plan {
  name: string
  /** Folder below the folder of models; '' is that folder itself. */
  folder: string
  files: WantedFile[]
  /**
   * Name, without extension, of the GGUF to convert the folder to; undefined if no conversion is
   * needed.
   */
  convertTo?: string
}

/**
 * Returns the files of a choice, by default the one that the user named. Throws `bad-request` if
 * none was named.
 */
export function planOf(net: Net, found: Look, choice?: string, sha256?: string): Plan {
  if (found.kind === 'url')
    return {
      name: found.name,
      folder: folderOf(found.files[0]!.url),
      files: found.files.map((file) =>
        file.name === found.name && sha256 !== undefined
          ? { ...file, sha256: sha256.toLowerCase() }
          : file,
      ),
    }
  const { repo, ref } = found
  const taken =
    choice === undefined ? found.chosen : repo.choices.find(({ name }) => name === choice)
  if (taken === undefined)
    throw repo.choices.length === 0
      ? fail('bad-request/no-usable', { repo: ref.repo })
      : fail('bad-request/choose', { names: repo.choices.map(({ name }) => name).join(', ') })
  const folder = ref.repo.replace('/', '--')
  const name = ref.repo.split('/')[1]!
  const files = wantedFiles(net, repo, taken)
  if (taken.kind === 'folder') return { name, folder: `${folder}/original`, files, convertTo: name }
  // Keep the repository's folders, because files in different folders may have the same name.
  return {
    name: `${name} ${taken.name}`,
    folder: posix.join(folder, posix.dirname(taken.files[0]!.path)),
    files,
  }
}

/**
 * Returns a separate folder for each address, so that its contents always come from that address.
 */
function folderOf(url: string): string {
  return `${new URL(url).hostname.replace(/[^\w.-]/g, '-')}--${createHash('sha256').update(url).digest('hex').slice(0, 12)}`
}
