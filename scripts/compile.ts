/** Compiles Braid's programs: the command line, host and lab processes, and the desktop shell. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { PROGRAMS } from '../engine/programs/index.ts'
import { sandboxFolder } from '../engine/sandbox/index.ts'
import { root } from './renderer.ts'

const ENGINE = ['cli/main', ...PROGRAMS]

/** Compiles the engine to `outdir`. Dependencies stay npm packages; all chunks are in one folder, where the host and lab processes are found. The sandbox's folder is copied beside them. */
export async function compileEngine(outdir: string, more: BuildOptions = {}): Promise<void> {
  await build({
    entryPoints: ENGINE.map((name) => join(root, 'engine', `${name}.ts`)),
    outdir,
    bundle: true,
    splitting: true,
    chunkNames: 'chunk-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
    ...more,
  })
  cpSync(await sandboxFolder(), join(outdir, 'sandbox'), { recursive: true })
}

/** Compiles `main.cjs` and `preload.cjs` to `outdir`: a sandboxed preload must be CommonJS in one file. */
export async function compileShell(outdir: string, more: BuildOptions = {}): Promise<void> {
  await build({
    entryPoints: ['main', 'preload'].map((name) => join(root, 'electron', `${name}.ts`)),
    outdir,
    bundle: true,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    platform: 'node',
    target: 'node24',
    external: ['electron'],
    sourcemap: true,
    logLevel: 'warning',
    ...more,
  })
}
