/** `npm run build`: compiles what is distributed: the command line, the host and lab processes, the desktop shell and the page. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { compileEngine, compileShell } from './compile.ts'
import { ensureRenderer, root } from './renderer.ts'

const dist = (name: string) => join(root, 'dist', name)
for (const name of ['engine', 'electron']) rmSync(dist(name), { recursive: true, force: true })
await compileEngine(dist('engine'))
await compileShell(dist('electron'))
ensureRenderer()
