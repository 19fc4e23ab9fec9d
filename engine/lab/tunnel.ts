import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BraidError } from '../protocol/errors.ts'
import { checked, inParallel } from './experiment.ts'
import { runnersOf, type Lab } from './lab.ts'
import { measure } from './measure.ts'
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

export interface TunnelPlan {
  /** Numbers of tokens of a wrong path that path 1 begins with; 0 is the control. */
  prefixes: readonly number[]
  /** Number of paths in the runs in which the other paths are free; default: the model's. */
  paths?: number
  budget?: number
}

/**
 * Returns the units of the tunnel experiment (ParaThinker, figure 2): does a path recover from a
 * wrong beginning, alone and beside free paths? The prefix is added to the budget, so that a longer
 * prefix leaves as many tokens to recover in.
 */
export function tunnelUnits(
  { settle, model }: Lab,
  { prefixes, paths, budget }: TunnelPlan,
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
): Promise<(problem: number, sample: number) => readonly number[] | null> {
  const { options, set, model } = lab
  const file = join(options.out, 'wrong-paths.jsonl')
  const known = new Map<string, WrongPath>()
  for (const entry of readWrongPaths(file))
    if (entry.budget === unit.settings.budget) known.set(`${entry.problem}|${entry.sample}`, entry)
  const missing = set.problems
    .flatMap((problem) =>
      Array.from({ length: options.samples }, (_, sample) => ({ problem, sample })),
    )
    .filter(({ problem, sample }) => !known.has(`${problem.index}|${sample}`))
  const runners = runnersOf(lab)
  if (missing.length > 0)
    options.stderr.write(`Looking for wrong paths: ${missing.length} runs of one path.\n`)
  try {
    await inParallel<{ problem: Problem; sample: number }>(
      missing,
      runners,
      options.signal,
      async ({ problem, sample }, runner) => {
        const seed = sampleSeed(lab.seed, problem.index, -1 - sample)
        const digest = checked(
          await runner.run({
            request: {
              problem: problem.problem,
              model: options.model,
              settings: { ...unit.settings, seed },
            },
            tokens: true,
          }),
        )
        if (options.signal.aborted) return
        const { outcomes, anyPath } = measure(unit, problem, sample, seed, digest, lab.answer)
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
  options.stderr.write(
    `${long} of ${known.size} paths alone went wrong and have ${least} tokens or more.\n`,
  )
  if (long === 0)
    throw new BraidError(
      'bad-request',
      `No path alone went wrong with ${least} tokens or more: ask for shorter --prefixes, a larger --budget or more problems.`,
    )
  return (problem, sample) => {
    const tokens = known.get(`${problem}|${sample}`)?.tokens ?? null
    return tokens !== null && tokens.length >= least ? tokens : null
  }
}

/** Reads the stored attempts. A line torn by a crash is cut off. */
function readWrongPaths(file: string): WrongPath[] {
  if (!existsSync(file)) return []
  const bytes = readFileSync(file)
  const whole = bytes.lastIndexOf(10) + 1
  if (whole < bytes.length) truncateSync(file, whole)
  return bytes
    .subarray(0, whole)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => WrongPath.parse(JSON.parse(line)))
}
