/** Hugging Face: what a repository holds, and which of its files make one model. */
import { z } from 'zod'
import { BraidError } from '../../protocol/errors.ts'
import { headerOf, parseUrl, type Net } from './net.ts'

const LIMIT = 16 * 2 ** 20
const MAX_FILES = 20_000
const segment = '[A-Za-z0-9][\\w.-]{0,95}'
const REPO = new RegExp(`^${segment}/${segment}$`)

export interface HubRef {
  repo: string
  revision?: string
  /** One file of it. */
  path?: string
  /** A choice, named after a colon: `org/name:Q4_K_M`. */
  quantisation?: string
}
export interface HubFile {
  path: string
  size: number
  /** Of large files. */ sha256?: string
}
/** One way to take a model: a GGUF (of several files where it is split), or the folder to convert. */
export interface HubChoice {
  kind: 'gguf' | 'folder'
  name: string
  files: HubFile[]
  sizeBytes: number
}
export interface HubRepo {
  repo: string
  /** Commit that the files are of. */
  revision: string
  licence?: string
  gated: boolean
  choices: HubChoice[]
}

/** `org/name`, `org/name:Q4_K_M` or an address of the hub's; undefined: it is another address. Error: `bad-request`. */
export function parseHubRef(text: string, hub: URL): HubRef | undefined {
  const plain = /^([^\s:/]+\/[^\s:/]+?)(?::([\w./-]+))?$/.exec(text.trim())
  if (plain && REPO.test(plain[1]!))
    return { repo: plain[1]!, ...(plain[2] !== undefined && { quantisation: plain[2] }) }
  const url = parseUrl(text.trim())
  if (
    url.origin !== hub.origin &&
    !(hub.hostname === 'huggingface.co' && /^(www\.)?(huggingface\.co|hf\.co)$/.test(url.hostname))
  )
    return undefined
  const [org, name, kind, revision, ...path] = url.pathname
    .split('/')
    .filter(Boolean)
    .map(decodePart)
  const repo = `${org ?? ''}/${name ?? ''}`
  if (!REPO.test(repo))
    throw new BraidError('bad-request', `${text} names no repository of the hub.`)
  if (kind === undefined) return { repo }
  if (!['tree', 'resolve', 'blob'].includes(kind) || revision === undefined)
    throw new BraidError('bad-request', `${text} names no model of the hub.`)
  return { repo, revision, ...(kind !== 'tree' && path.length > 0 && { path: path.join('/') }) }
}

/** Error `bad-request`: its percent signs are not followed by what they announce. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new BraidError(
      'bad-request',
      `The address holds ${text}, in which a % is written wrongly: it must be %25.`,
    )
  }
}

const Info = z.looseObject({
  sha: z.string().regex(/^[\w.-]{1,64}$/),
  gated: z.union([z.boolean(), z.string()]).optional(),
  cardData: z.looseObject({ license: z.unknown() }).nullish(),
})
const Tree = z.array(
  z.looseObject({
    type: z.string(),
    path: z.string().max(1024),
    size: z.number().optional(),
    lfs: z.looseObject({ oid: z.string(), size: z.number() }).nullish(),
  }),
)

/** Errors: `model-not-found`, `io` (gated, unreachable, an answer that is none), `cancelled`. */
export async function readRepo(net: Net, ref: HubRef, signal?: AbortSignal): Promise<HubRepo> {
  const api = (path: string) => new URL(`/api/models/${ref.repo}${path}`, net.hub)
  const revision = ref.revision === undefined ? '' : `/revision/${encodeURIComponent(ref.revision)}`
  const info = parse(Info, (await net.json(api(revision), LIMIT, signal)).value)
  const files: HubFile[] = []
  let next: URL | undefined = api(`/tree/${info.sha}?recursive=true`)
  for (let page = 0; next; page++) {
    const { value, headers } = await net.json(next, LIMIT, signal)
    for (const { type, path, size, lfs } of parse(Tree, value)) {
      const bytes = lfs?.size ?? size ?? -1
      if (type === 'file' && isPlainPath(path) && Number.isSafeInteger(bytes) && bytes >= 0)
        files.push({
          path,
          size: bytes,
          ...(lfs && /^[0-9a-f]{64}$/.test(lfs.oid) && { sha256: lfs.oid }),
        })
    }
    if (files.length > MAX_FILES || page > 100)
      throw new BraidError('io', `${ref.repo} holds more files than are listed here.`)
    const link = /<([^>]+)>;\s*rel="next"/.exec(headerOf(headers, 'link') ?? '')?.[1]
    next = link === undefined ? undefined : new URL(link, next)
    if (next && next.origin !== net.hub.origin)
      throw new BraidError('io', `${ref.repo}: the list of files goes on at another host.`)
  }
  const licence = info.cardData?.license
  return {
    repo: ref.repo,
    revision: info.sha,
    gated: info.gated !== undefined && info.gated !== false,
    ...(typeof licence === 'string' && { licence }),
    choices: choicesOf(files),
  }
}

export function fileUrl(
  net: Net,
  { repo, revision }: Pick<HubRepo, 'repo' | 'revision'>,
  path: string,
): string {
  return new URL(
    `/${repo}/resolve/${encodeURIComponent(revision)}/${path.split('/').map(encodeURIComponent).join('/')}`,
    net.hub,
  ).href
}

function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (!result.success)
    throw new BraidError('io', 'The hub answered in a way that is not understood.')
  return result.data
}

/** A path that stays inside a folder on every system. */
export function isPlainPath(path: string): boolean {
  return (
    path.length > 0 &&
    path
      .split('/')
      .every(
        (part) =>
          /^[^\\:*?"<>|\x00-\x1f]+$/.test(part) &&
          !/^\.+$|[. ]$/.test(part) &&
          !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(part),
      )
  )
}

const SPLIT = /-(\d{5})-of-(\d{5})\.gguf$/i
/** How quantisations are written in file names (llama.cpp's naming convention). */
const QUANTISATION =
  /(?:^|[-._/])(I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32)(?=[-._/]|$)/gi
/** Needed of a folder to convert. */
const FOLDER =
  /^(config|generation_config|tokenizer|tokenizer_config|chat_template|model\.safetensors\.index)\.json$|^chat_template\.jinja$|^README\.md$|^[\w.-]+\.safetensors$/

export function choicesOf(files: readonly HubFile[]): HubChoice[] {
  const models = new Map<string, HubFile[]>()
  for (const file of files) {
    if (!/\.gguf$/i.test(file.path) || /(^|[/_.-])(mmproj|imatrix)/i.test(file.path)) continue
    const key = file.path.replace(SPLIT, '')
    models.set(key, [...(models.get(key) ?? []), file])
  }
  const choices: HubChoice[] = []
  for (const [key, parts] of models) {
    parts.sort((a, b) => (a.path < b.path ? -1 : 1))
    const count = Number(SPLIT.exec(parts[0]!.path)?.[2] ?? 1)
    if (count !== parts.length) continue
    const name =
      [...key.replace(/\.gguf$/i, '').matchAll(QUANTISATION)].at(-1)?.[1]?.toUpperCase() ??
      key
        .replace(/\.gguf$/i, '')
        .split('/')
        .at(-1)!
    choices.push({
      kind: 'gguf',
      name,
      files: parts,
      sizeBytes: parts.reduce((sum, { size }) => sum + size, 0),
    })
  }
  // Several of one quantisation: each by its file.
  const names = choices.map(({ name }) => name)
  for (const choice of choices) {
    if (names.filter((name) => name === choice.name).length > 1)
      choice.name = choice.files[0]!.path.replace(SPLIT, '').replace(/\.gguf$/i, '')
  }
  choices.sort((a, b) => a.sizeBytes - b.sizeBytes)
  const folder = files.filter(({ path }) => FOLDER.test(path))
  const has = (name: string) => folder.some(({ path }) => path === name)
  const weights = folder.filter(({ path }) => path.endsWith('.safetensors'))
  if (has('config.json') && has('tokenizer.json') && weights.length > 0)
    choices.push({
      kind: 'folder',
      name: 'safetensors',
      files: folder,
      sizeBytes: folder.reduce((sum, { size }) => sum + size, 0),
    })
  return choices
}

/** The choice that a reference names: its file, its quantisation, or the only one. undefined: the user has to choose. */
export function chooseFor(ref: HubRef, repo: HubRepo): HubChoice | undefined {
  if (ref.path !== undefined)
    return repo.choices.find(({ files }) => files.some(({ path }) => path === ref.path))
  if (ref.quantisation !== undefined)
    return repo.choices.find(({ name }) => name.toLowerCase() === ref.quantisation!.toLowerCase())
  return repo.choices.length === 1 ? repo.choices[0] : undefined
}
