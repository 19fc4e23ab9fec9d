import { readFileSync } from 'node:fs'
import { dirname, join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findAbove } from './above.ts'

/** Returns the folder of this file's package: a checkout, an npm package or an app. */
export function packageFolder(): string {
  const file = findAbove('package.json')
  return file === undefined ? parse(fileURLToPath(import.meta.url)).root : dirname(file)
}

export function braidVersion(): string {
  return (
    JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }
  ).version
}
