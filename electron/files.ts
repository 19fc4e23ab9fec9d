import { closeSync, readSync, statSync } from 'node:fs'
import { basename, extname, isAbsolute, resolve } from 'node:path'
import { openRegular, readText } from '../engine/files/index.ts'
import type { GivenFile } from '../engine/protocol/bridge.ts'
import { MAX_IMPORT } from '../engine/protocol/wire.ts'

const MODELS = ['.gguf']
/** Extensions that Import reads: a JSON export, which may be called .braid, or a bare transcript. */
const RUNS = ['.braid', '.json', '.jsonl']

export const OPEN_FILTERS = [
  {
    name: 'Models and runs',
    extensions: [...MODELS, ...RUNS].map((extension) => extension.slice(1)),
  },
  { name: 'GGUF', extensions: ['gguf'] },
  { name: 'Runs', extensions: RUNS.map((extension) => extension.slice(1)) },
]

const kindOf = (path: string): 'model' | 'run' | undefined => {
  const extension = extname(path).toLowerCase()
  return MODELS.includes(extension) ? 'model' : RUNS.includes(extension) ? 'run' : undefined
}

/** Returns the files among the command-line arguments as absolute paths, without options and the value of `--model`. */
export function filesOf(args: readonly string[], folder: string): string[] {
  return args
    .filter(
      (arg, i) =>
        !arg.startsWith('-') &&
        !['--model', '-m'].includes(args[i - 1] ?? '') &&
        kindOf(arg) !== undefined,
    )
    .map((arg) => (isAbsolute(arg) ? arg : resolve(folder, arg)))
}

/**
 * Returns whether the file begins like a GGUF. The name does not tell: other programs keep models as nameless blobs.
 */
function isGguf(path: string): boolean {
  const file = openRegular(path)
  try {
    const magic = Buffer.alloc(4)
    return readSync(file, magic) === 4 && magic.toString('latin1') === 'GGUF'
  } finally {
    closeSync(file)
  }
}

/**
 * Returns what the page needs to open a file: the path of a model, the content of a run (the page cannot read files).
 * Never throws.
 */
export function readGiven(path: string): GivenFile {
  const name = basename(path)
  try {
    const info = statSync(path)
    const kind = kindOf(path) ?? (info.isFile() && isGguf(path) ? 'model' : undefined)
    if (kind === undefined || !info.isFile())
      return { kind: 'bad', name, reason: 'It is neither a model nor a run.' }
    if (kind === 'model') return { kind, path }
    if (info.size > MAX_IMPORT)
      return { kind: 'bad', name, reason: `It is larger than ${MAX_IMPORT >> 20} MiB.` }
    return { kind, name: name.slice(0, 255), content: readText(path, MAX_IMPORT) }
  } catch (error) {
    return { kind: 'bad', name, reason: (error as Error).message }
  }
}
