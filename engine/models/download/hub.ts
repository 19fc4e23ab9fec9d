/** Reads what a Hugging Face repository contains and which of its files make up one model. */
import { z } from 'zod'
import { fail } from '../../protocol/errors.ts'
import { parseUrl } from './addresses.ts'
import { headerOf, type Net } from './net.ts'

const LIMIT = 16 * 2 ** 20
const MAX_FILES = 20_000
const segment = '[A-Za-z0-9][\\w.-]{0,95}'
const REPO = new RegExp(`^${segment}/${segment}$`)

export interface HubRef {
  repo: string
  revision?: string
  /** A single file of the repository. */
  path?: string
  /** The choice given after a colon, as in `org/name:Q4_K_M`. */
  quantisation?: string
}
export interface HubFile {
  path: string
  size: number
  /** Present for large files. */
  sha256?: string
}
/** One way to get a model: a GGUF, possibly split into several files, or a folder to convert. */
export interface HubChoice {
  kind: 'gguf' | 'folder'
  name: string
  files: HubFile[]
  sizeBytes: number
}
export interface HubRepo {
  repo: string
  /** Commit of the files. */
  revision: string
  licence?: string
  gated: boolean
  choices: HubChoice[]
}

/**
 * Parses `org/name`, `org/name:Q4_K_M` or an address of the hub. Returns undefined for any other
 * address. Throws `bad-request`.
 */
export function parseHubRef(text: string, hub: URL): HubRef | undefined {
  const plain = /^([^\s:/]+\/[^\s:/]+?)(?::([\w./-]+))?$/.exec(text.trim())
  if (plain && REPO.test(plain[1]!))
    return { repo: plain[1]!, ...(plain[2] !== undefined && { quantisation: plain[2] }) }
  const url = parseUrl(text.trim())
  const below = url.origin === hub.origin && url.pathname.startsWith(hub.pathname)
  const alias =
    hub.hostname === 'huggingface.co' && /^(www\.)?(huggingface\.co|hf\.co)$/.test(url.hostname)
  if (!below && !alias) return undefined
  const [org, name, kind, revision, ...path] = url.pathname
    .slice(below ? hub.pathname.length : 0)
    .split('/')
    .filter(Boolean)
    .map(decodePart)
  const repo = `${org ?? ''}/${name ?? ''}`
  if (!REPO.test(repo)) throw fail('bad-request/no-repository', { text })
  if (kind === undefined) return { repo }
  if (!['tree', 'resolve', 'blob'].includes(kind) || revision === undefined)
    throw fail('bad-request/no-hub-model', { text })
  return { repo, revision, ...(kind !== 'tree' && path.length > 0 && { path: path.join('/') }) }
}

/**
 * Decodes a percent-encoded part of an address. Throws `bad-request` if the encoding is invalid.
 */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fail('bad-request/percent', { text })
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

const Found = z.array(
  z.looseObject({
    id: z.string().max(256),
    downloads: z.number().optional(),
    gated: z.union([z.boolean(), z.string()]).optional(),
  }),
)
/** A repository of the hub that holds GGUF files. */
export interface HubFound {
  repo: string
  /** In the last 30 days, as the hub counts them. */
  downloads: number
  gated: boolean
}
/** The most repositories that a search returns. */
const MAX_FOUND = 30

/**
 * Searches the hub by name for repositories with GGUF files, those that are downloaded most first.
 * Throws `io` (the hub is unreachable or its answer is invalid) or `cancelled`.
 */
export async function searchHub(
  net: Net,
  query: string,
  signal?: AbortSignal,
): Promise<HubFound[]> {
  const url = new URL('api/models', net.hub)
  url.search = String(
    new URLSearchParams({
      search: query,
      filter: 'gguf',
      sort: 'downloads',
      direction: '-1',
      limit: String(MAX_FOUND),
    }),
  )
  return parse(Found, (await net.json(url, LIMIT, signal)).value)
    .filter(({ id }) => REPO.test(id))
    .slice(0, MAX_FOUND)
    .map(({ id, downloads = 0, gated = false }) => ({
      repo: id,
      downloads: Math.max(0, downloads),
      gated: gated !== false,
    }))
}

/**
 * Reads a repository's file list. Throws `model-not-found`, `wrong-model` (a PEFT adapter), `io` (the
 * model is gated, the hub is unreachable or its answer is invalid) or `cancelled`.
 */
export async function readRepo(net: Net, ref: HubRef, signal?: AbortSignal): Promise<HubRepo> {
  const api = (path: string) => new URL(`api/models/${ref.repo}${path}`, net.hub)
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
    if (files.length > MAX_FILES || page > 100) throw fail('io/hub-files', { repo: ref.repo })
    // Only the query is taken: a mirror may pass on the hub's own address.
    const query: string | undefined = /<[^>?]*(\?[^>#]*)[^>]*>;\s*rel="next"/.exec(
      headerOf(headers, 'link') ?? '',
    )?.[1]
    next = query === undefined ? undefined : api(`/tree/${info.sha}${query}`)
  }
  const choices = choicesOf(files)
  if (choices.length === 0 && files.some(({ path }) => path === 'adapter_config.json'))
    throw fail('wrong-model/hub-adapter', { repo: ref.repo })
  const licence = info.cardData?.license
  return {
    repo: ref.repo,
    revision: info.sha,
    gated: info.gated !== undefined && info.gated !== false,
    ...(typeof licence === 'string' && { licence }),
    choices,
  }
}

export function fileUrl(
  net: Net,
  { repo, revision }: Pick<HubRepo, 'repo' | 'revision'>,
  path: string,
): string {
  return new URL(
    `${repo}/resolve/${encodeURIComponent(revision)}/${path.split('/').map(encodeURIComponent).join('/')}`,
    net.hub,
  ).href
}

function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value)
  if (!result.success) throw fail('io/hub-answer')
  return result.data
}

/** Returns whether a path stays inside its folder on every system. */
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
/** Matches quantisations in file names (llama.cpp's naming convention). */
const QUANTISATION =
  /(?:^|[-._/])(I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32)(?=[-._/]|$)/gi
/** Matches the files needed to convert a folder. */
const FOLDER =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|chat_template|model\.safetensors\.index)\.json$|^chat_template\.jinja$|^README\.md$|^[\w.-]+\.safetensors$/
const WHOLE = 'model.safetensors'

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
  // If several choices have the same quantisation, each is named after its file.
  const names = choices.map(({ name }) => name)
  for (const choice of choices) {
    if (names.filter((name) => name === choice.name).length > 1)
      choice.name = choice.files[0]!.path.replace(SPLIT, '').replace(/\.gguf$/i, '')
  }
  choices.sort((a, b) => a.sizeBytes - b.sizeBytes)
  const whole = files.some(({ path }) => path === WHOLE)
  const folder = files.filter(
    ({ path }) =>
      FOLDER.test(path) &&
      // One whole file makes shards and their index useless.
      (!whole || path === WHOLE || !path.includes('.safetensors')),
  )
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

/**
 * Returns the choice that a reference names, by file or quantisation, or the only choice. Returns
 * undefined if the user has to choose.
 */
export function chooseFor(ref: HubRef, repo: HubRepo): HubChoice | undefined {
  if (ref.path !== undefined)
    return repo.choices.find(({ files }) => files.some(({ path }) => path === ref.path))
  if (ref.quantisation !== undefined)
    return repo.choices.find(({ name }) => name.toLowerCase() === ref.quantisation!.toLowerCase())
  return repo.choices.length === 1 ? repo.choices[0] : undefined
}
