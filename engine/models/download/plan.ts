/** From what a user names (a model of the catalogue, a repository, an address) to the files that are to be fetched. */
import { basename } from 'node:path'
import { BraidError } from '../../protocol/errors.ts'
import type { CatalogueEntry } from '../manifest.ts'
import { wantedFiles, type WantedFile } from './get.ts'
import { chooseFor, parseHubRef, readRepo, type HubChoice, type HubRef, type HubRepo } from './hub.ts'
import type { Net } from './net.ts'

/** What lies at the place that was named. `url`: a file outside the hub. */
export type Look =
  | { kind: 'repo'; ref: HubRef; repo: HubRepo; chosen?: HubChoice }
  | { kind: 'url'; url: string; name: string }

/** Asks the hub; an address is not opened. Errors: `bad-request`, `model-not-found`, `io`, `cancelled`. */
export async function look(net: Net, text: string, catalogue: readonly CatalogueEntry[], signal?: AbortSignal): Promise<Look> {
  const known = catalogue.find(({ id }) => id === text)
  const ref = known ? { repo: known.repo, quantisation: known.kind === 'folder' ? 'safetensors' : known.choice } : parseHubRef(text, net.hub)
  if (ref === undefined) {
    const url = net.allow(text)
    const name = decodeURIComponent(basename(url.pathname))
    if (!/\.gguf$/i.test(name)) throw new BraidError('bad-request', 'An address must lead to a file that ends in .gguf, or to a repository of the hub.')
    return { kind: 'url', url: url.href, name }
  }
  const repo = await readRepo(net, ref, signal)
  return { kind: 'repo', ref, repo, chosen: chooseFor(ref, repo) }
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
  if (found.kind === 'url') return { name: found.name, folder: '', files: [{ url: found.url, name: found.name, ...(sha256 !== undefined && { sha256: sha256.toLowerCase() }) }] }
  const { repo, ref } = found
  const taken = choice === undefined ? found.chosen : repo.choices.find(({ name }) => name === choice)
  if (taken === undefined) throw new BraidError('bad-request', repo.choices.length === 0 ? `${ref.repo} holds no model that Braid can use.` : `Say which of these: ${repo.choices.map(({ name }) => name).join(', ')}.`)
  const folder = ref.repo.replace('/', '--')
  const name = ref.repo.split('/')[1]!
  const files = wantedFiles(net, repo, taken)
  return taken.kind === 'gguf' ? { name: `${name} ${taken.name}`, folder, files } : { name, folder: `${folder}/original`, files, convertTo: name }
}
