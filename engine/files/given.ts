import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'

/**
 * Returns the path in what a user typed or pasted: without the quotes that Windows' "Copy as path"
 * adds, of a `file:` address, or below the home folder if it begins with `~`.
 */
export function givenPath(text: string): string {
  let path = text.trim().replace(/^(["'])(.+)\1$/s, '$2')
  if (/^file:\/\//i.test(path))
    try {
      path = fileURLToPath(path)
    } catch {
      return path // the file system says that there is no such file
    }
  return /^~(?=[/\\]|$)/.test(path) ? homedir() + path.slice(1) : path
}
