/** What is used here of the URL class that browsers and Node share: this project has the library of neither. */
interface ParsedUrl {
  readonly href: string
  readonly protocol: string
  readonly hostname: string
  readonly username: string
  readonly password: string
}
declare const URL: new (text: string) => ParsedUrl

/**
 * The one rule for addresses that come from model text, titles, model cards or files: only http, https and mailto,
 * without credentials. Used wherever a link could leave the window (renderer, window-open handler, openExternal).
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
