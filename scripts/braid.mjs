#!/usr/bin/env node
// `braid ...`: runs from source in a checkout, compiled in the npm package. Builds the native engine first if it is missing.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const checkout = existsSync(here('../engine/cli/main.ts'))

if (checkout) {
  const { ensureDependencies } = await import('./setup.mjs')
  ensureDependencies()
}
if (checkout || !existsSync(here('../build/native/backends.json'))) {
  const { register } = await import('tsx/esm/api')
  register()
  const { ensureNative } = await import('./native/index.ts')
  try {
    await ensureNative()
  } catch (error) {
    // Models and runs can be inspected without it; a command that needs it says so.
    console.error(error instanceof Error ? error.message : error)
  }
}
await import(checkout ? '../engine/cli/main.ts' : '../dist/engine/cli/main.js')
