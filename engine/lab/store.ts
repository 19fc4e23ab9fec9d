import { appendFileSync, existsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { makeFolder, MAX_TEXT_FILE, readRegular, readText } from '../files/index.ts'
import { type BraidError, fail, toBraidError } from '../protocol/errors.ts'
import { Sample, sampleKey } from './measure.ts'

/**
 * First line of results.jsonl: what all its samples share. A result folder is continued only if
 * this is unchanged.
 */
export const Header = z.object({
  format: z.literal(1),
  experiment: z.enum(['eval', 'ablate', 'tunnel', 'bank']),
  model: z.object({ name: z.string(), file: z.string(), sha256: z.string() }),
  data: z.object({ file: z.string(), sha256: z.string() }),
  seed: z.int(),
  /** Settings that no cell names, such as sampler, finish rule and engine. */
  settings: z.record(z.string(), z.unknown()),
})
export type Header = z.infer<typeof Header>

/**
 * Stores the samples of an experiment, one JSON line each, appended as they are made. If the
 * experiment stops at any time, only unfinished runs are lost, and a restart makes only the missing
 * samples. A line torn by a crash is cut off. If a sample occurs twice, the first one counts.
 */
export class ResultStore {
  readonly #file: string
  readonly #samples = new Map<string, Sample>()

  private constructor(file: string) {
    this.#file = file
  }

  /**
   * Opens a result folder. Throws `bad-request` if it holds another experiment or a damaged file,
   * `io` or `disk-full`.
   */
  static open(folder: string, header: Header): ResultStore {
    const store = new ResultStore(join(folder, 'results.jsonl'))
    try {
      makeFolder(folder)
      if (!store.#read(folder, header)) writeFileSync(store.#file, `${JSON.stringify(header)}\n`)
    } catch (error) {
      throw fileError(error, store.#file)
    }
    return store
  }

  has(unit: string, problem: number, sample: number): boolean {
    return this.#samples.has(sampleKey(unit, problem, sample))
  }

  get samples(): readonly Sample[] {
    return [...this.#samples.values()]
  }

  append(sample: Sample): void {
    try {
      appendFileSync(this.#file, `${JSON.stringify(sample)}\n`)
    } catch (error) {
      throw fileError(error, this.#file)
    }
    this.#samples.set(sampleKey(sample.unit, sample.problem, sample.sample), sample)
  }

  /** Reads the file; returns false if there is none. */
  #read(folder: string, header: Header): boolean {
    if (!existsSync(this.#file)) return false
    const bytes = readRegular(this.#file, MAX_TEXT_FILE)
    const whole = bytes.lastIndexOf(10) + 1
    if (whole < bytes.length) truncateSync(this.#file, whole)
    const [first, ...lines] = bytes
      .subarray(0, whole)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
    if (first === undefined) return false
    const found = parsed(Header, first)
    if (found === null) throw fail('bad-request/result-file', { file: this.#file })
    const differs = differences(found, header)
    if (differs.length > 0)
      throw fail('bad-request/results-differ', { folder, differs: differs.join(', ') })
    for (const [i, line] of lines.entries()) {
      const sample = parsed(Sample, line)
      if (sample === null) throw fail('bad-request/result-line', { file: this.#file, line: i + 2 })
      const key = sampleKey(sample.unit, sample.problem, sample.sample)
      if (!this.#samples.has(key)) this.#samples.set(key, sample)
    }
    return true
  }
}

/** Returns the header and the samples of a result folder, unread lines left out; null without one. */
export function readResults(folder: string): { header: Header; samples: Sample[] } | null {
  const file = join(folder, 'results.jsonl')
  if (!existsSync(file)) return null
  const [first = '', ...lines] = readText(file, MAX_TEXT_FILE).split('\n')
  const header = parsed(Header, first)
  if (header === null) return null
  return { header, samples: lines.flatMap((line) => parsed(Sample, line) ?? []) }
}

function parsed<T>(schema: z.ZodType<T>, line: string): T | null {
  try {
    return schema.parse(JSON.parse(line))
  } catch {
    return null
  }
}

/** Returns the names of the fields that differ; paths of files are ignored. */
function differences(found: Header, asked: Header): string[] {
  const flat = ({ experiment, model, data, seed, settings }: Header) => ({
    experiment,
    model: model.sha256,
    data: data.sha256,
    seed,
    ...settings,
  })
  const [a, b]: Record<string, unknown>[] = [
    flat(found),
    flat(JSON.parse(JSON.stringify(asked)) as Header),
  ]
  return [...new Set([...Object.keys(a!), ...Object.keys(b!)])].filter(
    (key) => !isDeepStrictEqual(a![key], b![key]),
  )
}

/** Returns the error of a file that cannot be written. */
export function fileError(error: unknown, file: string): BraidError {
  const typed = toBraidError(error)
  return typed.code === 'internal'
    ? fail('io/write', { file, reason: typed.message }, { cause: error })
    : typed
}
