/**
 * Tries a model in a process of its own before this process opens it. The graphs of llama.cpp assert
 * how the numbers and tensors of a file fit together, divide by some, and read tensors that its
 * loader does not insist on: a file that does not fit would end this process with all its runs.
 */
import { endOf, lastLine, spawnProgram } from '../programs/index.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import { bad } from './gguf.ts'
import { filesOf, readModel, type KnownModel } from './info.ts'
import { readOnce } from './memo.ts'

/**
 * Architectures whose files `checkModel` knows well enough: `npm run fuzz:model-keys` opens every
 * mutant of them without a trial.
 */
export const PROVEN: ReadonlySet<string> = new Set(['llama', 'qwen2', 'qwen3'])
/** A trial takes 0.1 s of processor time, and 0.4 s with a vocabulary of 150,000 tokens. */
const LIMIT_MS = 60_000

/** What trial-main prints. */
export type Verdict = { ok: true } | { ok: false; code: string; message: string }

/**
 * Reads and checks a model's headers, and tries the model if its architecture is not proven. Throws
 * `bad-model` with the fault, `model-not-found` or `io`.
 */
export async function triedModel(file: string): Promise<KnownModel> {
  const model = await readModel(file)
  if (!PROVEN.has(model.info.architecture)) await tryModel(model.info.file)
  return model
}

export const triedModelInfo = async (file: string): Promise<ModelInfo> =>
  (await triedModel(file)).info

/** Tries a model once, as long as its files stay the same. Throws `bad-model`. */
export const tryModel: (file: string) => Promise<void> = readOnce(async (file) => {
  const child = spawnProgram('models/trial-main', [file])
  const said = lastLine(child.stdout!)
  const log = lastLine(child.stderr!)
  const { code, signal, error, late } = await endOf(child, LIMIT_MS)
  if (late) throw bad(`llama.cpp did not open this model within ${LIMIT_MS / 1000} s.`)
  // A process that could not be started says nothing about the model.
  if (error !== undefined) return
  const verdict = parse(said())
  // Without the folders of the machine that compiled it.
  const last = log()
    .replace(/^\S*[\\/]/, '')
    .slice(-300)
  if (verdict === undefined)
    throw bad(
      `llama.cpp cannot run this model: it ended with ${signal ?? `exit code ${code}`} when it was tried${last === '' ? '' : ` (${last})`}.`,
    )
  if (!verdict.ok && verdict.code === 'bad-model') throw bad(verdict.message)
}, filesOf)

function parse(said: string): Verdict | undefined {
  try {
    return JSON.parse(said) as Verdict
  } catch {
    return undefined
  }
}
