import { net, session } from 'electron'
import { z } from 'zod'
import { safeUrl } from '../engine/protocol/links.ts'

/** The latest release as the server describes it (GitHub REST API, "Get the latest release"). */
const Release = z.object({ tag_name: z.string().max(100), html_url: z.string().max(2000) })
const MAX_ANSWER = 1 << 20
const TIMEOUT_MS = 15_000
const GITHUB = /^(?:git\+)?https:\/\/github\.com\/([\w.-]+)\/([\w.-]+?)(?:\.git)?$/

export interface Source {
  /** Address that returns the latest release. */
  api: string
  /** Prefix of every release page that may be opened. */
  pages: string
}
export type Newest = { newer: true; version: string; page: string } | { newer: false }

/**
 * Returns where the releases of this copy are, from the repository in package.json. BRAID_RELEASES names a local
 * server instead.
 */
export function releaseSource(
  repository: unknown,
  given = process.env.BRAID_RELEASES,
): Source | undefined {
  if (given !== undefined && /^http:\/\/127\.0\.0\.1:\d+\//.test(given))
    return { api: given, pages: new URL('/', given).href }
  const address =
    typeof repository === 'string' ? repository : (repository as { url?: unknown } | undefined)?.url
  const [, owner, name] = GITHUB.exec(String(address)) ?? []
  return owner === undefined
    ? undefined
    : {
        api: `https://api.github.com/repos/${owner}/${name}/releases/latest`,
        pages: `https://github.com/${owner}/${name}/releases/`,
      }
}

/** Fetches the latest release with one request and stores nothing. Errors carry a message for the user. */
export async function newestRelease(source: Source, current: string): Promise<Newest> {
  const release = Release.safeParse(JSON.parse(await get(source.api)))
  if (!release.success) throw new Error('The response does not name a release.')
  const { tag_name, html_url } = release.data
  const version = /^v?(\d+\.\d+\.\d+)$/.exec(tag_name)?.[1]
  if (version === undefined) throw new Error(`'${tag_name}' is not a version number.`)
  if (!isNewer(version, current)) return { newer: false }
  const page = safeUrl(html_url)
  if (page === null || !page.startsWith(source.pages))
    throw new Error('The release page is on an unexpected site.')
  return { newer: true, version, page }
}

export function isNewer(version: string, current: string): boolean {
  const [a, b] = [version, current].map((text) => text.split(/[.-]/).map(Number))
  for (const i of [0, 1, 2]) if (a![i] !== b![i]) return a![i]! > b![i]!
  return /-/.test(current)
}

/**
 * Fetches a text in a separate in-memory session, since the window's session has no network access. Refuses redirects.
 */
function get(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = net.request({
      url: address,
      session: session.fromPartition('releases'),
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
    } as Electron.ClientRequestConstructorOptions)
    const timer = setTimeout(
      () => fail(new Error('The server did not respond in time.')),
      TIMEOUT_MS,
    )
    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(error)
      request.abort()
    }
    request.setHeader('Accept', 'application/vnd.github+json')
    request.setHeader('User-Agent', 'Braid')
    request.on('error', (error) => fail(error))
    request.on('redirect', () => fail(new Error('The server redirected the request.')))
    request.on('response', (response) => {
      if (response.statusCode !== 200)
        return fail(
          new Error(
            response.statusCode === 404
              ? 'No release has been published yet.'
              : `The server responded with status ${response.statusCode}.`,
          ),
        )
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MAX_ANSWER) fail(new Error('The response is too long.'))
        chunks.push(chunk)
      })
      response.on('end', () => {
        clearTimeout(timer)
        resolve(Buffer.concat(chunks).toString('utf8'))
      })
      response.on('error', (error: Error) => fail(error))
    })
    request.end()
  })
}
