/** `npm run build`: what the npm package carries, compiled: the command line, the host and lab processes and the page. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { ensureRenderer, root } from './renderer.ts'

const outdir = join(root, 'dist', 'engine')
rmSync(outdir, { recursive: true, force: true })
// Dependencies stay npm packages, and all chunks in one folder: the host and lab processes are found from there.
await build({
  entryPoints: ['cli', 'host-main', 'supervisor', 'serve', 'lab/worker-main'].map((name) => join(root, 'engine', `${name}.ts`)),
  outdir, bundle: true, splitting: true, chunkNames: 'chunk-[hash]', format: 'esm', platform: 'node', target: 'node20', packages: 'external', sourcemap: true, logLevel: 'warning',
})
ensureRenderer()
