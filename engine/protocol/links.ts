/** The part of the URL class used here; this project has no DOM library and no Node types. */
interface ParsedUrl {
  readonly href: string
  readonly protocol: string
  readonly hostname: string
  readonly username: string
  readonly password: string
}
declare const URL: new (text: string) => ParsedUrl

/**
 * Returns the normalised URL if it may be opened, else null. Only http, https and mailto URLs
 * without credentials may. Every link that could leave the window is checked here (renderer,
 * window-open handler, openExternal), since links come from model output, titles, model cards and
 * files.
 */
export function safeUrl(text: string): string | null {
  if (
    text.length > 4096 ||
    /[\u0000-\u001F\u007F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/.test(text)
  )
    return null
  let url: ParsedUrl
  try {
    url = new URL(text)
  } catch {
    return null
  }
  if (url.protocol === 'mailto:') return url.href
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null
  return url.username === '' && url.password === '' && url.hostname !== '' ? url.href : null
}
