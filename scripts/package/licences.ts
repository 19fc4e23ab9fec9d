import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from '../native/index.ts'
import { root } from '../renderer.ts'

interface Lock {
  packages: Record<
    string,
    { version?: string; license?: string; dev?: boolean; optional?: boolean }
  >
}
const FILE = /^(licen[cs]e|copying|notice)(\.|-|$)/i

/** Returns the licences of Braid, llama.cpp and every npm package except build tools. Electron's and Node's are beside their programs. */
export function licences(): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  const parts: (readonly [string, string])[] = [
    ['Braid', text(root)],
    ['llama.cpp and ggml (MIT)', llamaLicence()],
    ...Object.entries(lock.packages)
      .filter(
        ([path, { dev }]) =>
          path.startsWith('node_modules/') && dev !== true && existsSync(join(root, path)),
      )
      .map(
        ([path, { version, license }]) =>
          [
            `${path.replace(/^.*node_modules\//, '')} ${version} (${license ?? 'see below'})`,
            text(join(root, path)),
          ] as const,
      ),
  ]
  return headed(parts)
}

/** Joins licences, each under its name. */
export function headed(parts: readonly (readonly [name: string, licence: string])[]): string {
  const rule = '='.repeat(78)
  return parts
    .map(([name, licence]) => `${rule}\n${name}\n${rule}\n\n${licence.trim()}\n`)
    .join('\n')
}

/** Returns the licence of the npm package in a folder. */
export function text(folder: string): string {
  const files = readdirSync(folder)
    .filter((name) => FILE.test(name))
    .sort()
  if (files.length > 0)
    return files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n\n')
  const { license, author, homepage } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as { license?: string; author?: unknown; homepage?: string }
  return [
    `No file of its own; its package.json says: ${license ?? 'nothing'}.`,
    author === undefined
      ? ''
      : `Author: ${typeof author === 'string' ? author : JSON.stringify(author)}`,
    homepage ?? '',
  ]
    .filter(Boolean)
    .join('\n')
}

/** Returns llama.cpp's licence from the source that the engine was built from. */
function llamaLicence(): string {
  const file = readdirSync(cacheDir())
    .filter((name) => name.startsWith('llama-v'))
    .map((name) => join(cacheDir(), name, 'source', 'LICENSE'))
    .find((one) => existsSync(one))
  if (file === undefined)
    throw new Error(
      `llama.cpp's source is not in ${cacheDir()}: its licence has to be in the package.`,
    )
  return readFileSync(file, 'utf8')
}
