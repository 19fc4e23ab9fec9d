/** From what a user names (a model of the catalogue, a repository, an address) to the files that are to be fetched. */
import { createHash } from 'node:crypto'
import { basename, posix } from 'node:path'
import { BraidError } from '../../protocol/errors.ts'
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

/** What lies at the place that was named. `url`: a file outside the hub; `files`: with the other parts of a split model. */
export type Look =
  | { kind: 'repo'; ref: HubRef; repo: HubRepo; chosen?: HubChoice }
  | { kind: 'url'; name: string; files: WantedFile[] }

/** Asks the hub; an address is not opened. Errors: `bad-request`, `model-not-found`, `io`, `cancelled`. */
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
    if (!/\.gguf$/i.test(name))
      throw new BraidError(
        'bad-request',
        'An address must lead to a file that ends in .gguf, or to a repository of the hub.',
      )
    return {
      kind: 'url',
      name,
      files: partNames(name).map((part) => ({ url: partUrl(url, part), name: part })),
    }
  }
  const repo = await readRepo(net, ref, signal)
  return { kind: 'repo', ref, repo, chosen: chooseFor(ref, repo) }
}

/** The address of another part of a split model. */
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
  /** Below the folder of models; '' is that folder itself. */
  folder: string
  files: WantedFile[]
  /** File name, without type, of the GGUF that a folder is converted to; undefined: the files are one. */
  convertTo?: string
}

/** Files of a choice; of the one that was named where `choice` is absent. Error `bad-request`: none was. */
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
    throw new BraidError(
      'bad-request',
      repo.choices.length === 0
        ? `${ref.repo} holds no model that Braid can use.`
        : `Say which of these: ${repo.choices.map(({ name }) => name).join(', ')}.`,
    )
  const folder = ref.repo.replace('/', '--')
  const name = ref.repo.split('/')[1]!
  const files = wantedFiles(net, repo, taken)
  if (taken.kind === 'folder') return { name, folder: `${folder}/original`, files, convertTo: name }
  // As in the repository, where two files in different folders may have one name.
  return {
    name: `${name} ${taken.name}`,
    folder: posix.join(folder, posix.dirname(taken.files[0]!.path)),
    files,
  }
}

/** One for each address, so that what lies there is always of that address. */
function folderOf(url: string): string {
  return `${new URL(url).hostname.replace(/[^\w.-]/g, '-')}--${createHash('sha256').update(url).digest('hex').slice(0, 12)}`
}
