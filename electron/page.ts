import type { Session } from 'electron'
import { listFiles } from '../engine/serve/index.ts'

/** The page's origin. The scheme serves nothing else, and the window shows nothing else. */
export const ORIGIN = 'braid://app'
export const SCHEME = {
  scheme: 'braid',
  privileges: { standard: true, secure: true, supportFetchAPI: true },
}

const HEADERS = {
  'Content-Security-Policy': `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/**
 * Serves the built page in `root` as `braid://app/`, and cuts the window off from every other origin and permission.
 */
export function servePage(session: Session, root: string): void {
  const files = listFiles(root)
  if (!files.has('/'))
    throw new Error(`The page is not built: ${root} has no index.html. Run \`npm run build\`.`)
  const text = (status: number, body: string) =>
    new Response(body, {
      status,
      headers: { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' },
    })
  session.protocol.handle(SCHEME.scheme, (request) => {
    const url = new URL(request.url)
    if (url.host !== 'app') return text(403, 'Forbidden.')
    if (request.method !== 'GET') return text(405, 'Only GET is allowed.')
    const file = files.get(url.pathname)
    if (file === undefined) return text(404, 'Not found.')
    try {
      return new Response(new Uint8Array(file.read()), {
        headers: { ...HEADERS, 'Content-Type': file.type },
      })
    } catch {
      return text(500, 'The file could not be read.')
    }
  })
  // The only permission of the page is to copy text.
  session.setPermissionRequestHandler((_contents, permission, answer, { requestingUrl }) =>
    answer(granted(permission, requestingUrl)),
  )
  session.setPermissionCheckHandler((_contents, permission, origin) => granted(permission, origin))
  session.setDevicePermissionHandler(() => false)
  session.on('will-download', (event) => event.preventDefault())
  session.webRequest.onBeforeRequest(
    { urls: ['http://*/*', 'https://*/*', 'ws://*/*', 'wss://*/*', 'file://*/*'] },
    (_request, answer) => answer({ cancel: true }),
  )
}

const granted = (permission: string, url: string | undefined): boolean =>
  permission === 'clipboard-sanitized-write' && isPage(url)

/** Returns whether an address or origin belongs to the page. */
export function isPage(address: string | undefined): boolean {
  return address === ORIGIN || address?.startsWith(`${ORIGIN}/`) === true
}
