import { appendFileSync, existsSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { MAX_TEXT_FILE, readRegular } from '../files/index.ts'
import { fail } from '../protocol/errors.ts'
import type { LabEvent, PlanOf } from '../protocol/lab.ts'
import { checked, inParallel } from './experiment.ts'
import { measure } from './measure.ts'
import type { Lab } from './open.ts'
import type { Problem } from './problems.ts'
import { makeUnit, sampleSeed, type Unit } from './unit.ts'

/**
 * The result of one path alone on a problem: its tokens if it went wrong and is long enough, else
 * null.
 */
const WrongPath = z.object({
  problem: z.int(),
  sample: z.int(),
  seed: z.int(),
  budget: z.int(),
  tokens: z.array(z.int()).nullable(),
})
type WrongPath = z.infer<typeof WrongPath>

/**
 * Returns the units of the tunnel experiment (ParaThinker, figure 2): does a path recover from a
 * wrong beginning, alone and beside free paths? The prefix is added to the budget, so that a longer
 * prefix leaves as many tokens to recover in.
 */
export function tunnelUnits(
  { settle, model }: Lab,
  { prefixes, paths, budget }: PlanOf<'tunnel'>,
): Unit[] {
  const alone = settle({ strategy: 'sequential', budget })
  const beside = settle({ strategy: 'parallel', budget, ...(paths !== undefined && { paths }) })
  const units = prefixes.map((prefix) =>
    makeUnit(alone, [], { prefix, variant: `${prefix} tokens, alone` }),
  )
  if (model.nativePaths === 0 || beside.paths < 2) return units
  return [
    ...units,
    ...prefixes.map((prefix) =>
      makeUnit(beside, [], { prefix, variant: `${prefix} tokens, ${beside.paths - 1} free` }),
    ),
  ]
}

/**
 * Runs one path alone on every problem, with seeds that no unit uses, and keeps the wrong paths of
 * at least `least` tokens. Attempts are stored in wrong-paths.jsonl of the result folder and not
 * repeated.
 */
export async function collectWrongPaths(
  lab: Lab,
  unit: Unit,
  least: number,
  signal: AbortSignal,
  emit: (event: LabEvent) => void,
): Promise<(problem: number, sample: number) => readonly number[] | null> {
  const { spec, problems, model } = lab
  const file = join(lab.out, 'wrong-paths.jsonl')
  const known = new Map<string, WrongPath>()
  for (const entry of readWrongPaths(file))
    if (entry.budget === unit.settings.budget) known.set(`${entry.problem}|${entry.sample}`, entry)
  const missing = problems
    .flatMap((problem) =>
      Array.from({ length: spec.samples }, (_, sample) => ({ problem, sample })),
    )
    .filter(({ problem, sample }) => !known.has(`${problem.index}|${sample}`))
  const runners = lab.runners()
  if (missing.length > 0) emit({ type: 'searching', runs: missing.length })
  try {
    await inParallel<{ problem: Problem; sample: number }>(
      missing,
      runners,
      signal,
      async ({ problem, sample }, runner) => {
        const seed = sampleSeed(lab.seed, problem.index, -1 - sample)
        const digest = checked(
          await runner.run({
            request: {
              problem: problem.problem,
              model: spec.model,
              settings: { ...unit.settings, seed },
            },
            tokens: true,
            name: `w-p${problem.index}-s${sample}`,
          }),
        )
        if (signal.aborted) return
        const { outcomes, anyPath } = measure(unit, problem, sample, seed, digest, spec.answer)
        const own = digest.paths[0]?.tokens?.slice(model.nativePaths > 0 ? 1 : 0) ?? [] // without the control token
        const entry = {
          problem: problem.index,
          sample,
          seed,
          budget: unit.settings.budget,
          tokens: anyPath || outcomes.some(({ correct }) => correct) ? null : own,
        }
        appendFileSync(file, `${JSON.stringify(entry)}\n`)
        known.set(`${problem.index}|${sample}`, entry)
      },
    )
  } finally {
    for (const runner of runners) runner.close()
  }
  const long = [...known.values()].filter(
    ({ tokens }) => tokens !== null && tokens.length >= least,
  ).length
  emit({ type: 'searched', usable: long, of: known.size, least })
  if (long === 0) throw fail('bad-request/no-wrong-path', { least })
  return (problem, sample) => {
    const tokens = known.get(`${problem}|${sample}`)?.tokens ?? null
    return tokens !== null && tokens.length >= least ? tokens : null
  }
}

/** Reads the stored attempts. A line torn by a crash is cut off. */
function readWrongPaths(file: string): WrongPath[] {
  if (!existsSync(file)) return []
  const bytes = readRegular(file, MAX_TEXT_FILE)
  const whole = bytes.lastIndexOf(10) + 1
  if (whole < bytes.length) truncateSync(file, whole)
  return bytes
    .subarray(0, whole)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => WrongPath.parse(JSON.parse(line)))
}
