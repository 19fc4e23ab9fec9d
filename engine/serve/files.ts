import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.jsonl': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
}

export interface StaticFile {
  type: string
  read: () => Buffer
}

/**
 * Lists the page's files by address. Requests are only looked up in this list, so a path is never
 * made from a request. Symbolic links and files of unknown types are left out. Empty if there is no
 * such folder.
 */
export function listFiles(root: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>()
  const walk = (folder: string, address: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const [file, path] = [join(folder, entry.name), `${address}/${entry.name}`]
      const type = TYPES[extname(entry.name)]
      if (entry.isDirectory()) walk(file, path)
      else if (entry.isFile() && type !== undefined)
        files.set(path, { type, read: () => readFileSync(file) })
    }
  }
  if (existsSync(root)) walk(root, '')
  const index = files.get('/index.html')
  if (index !== undefined) files.set('/', index)
  return files
}
