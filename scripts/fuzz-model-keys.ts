/**
 * `npm run fuzz:model-keys -- [--jobs N] [--sample N] [--seed N] [variant ...]`: tries every number of
 * a model's metadata with values that no model has, over all variants of architectures
 * (test/support/architectures.ts) or these; of proven architectures also every tensor, and tokenizers
 * that do not fit (test/models/key-mutants.ts). `--sample`: only this many mutants per variant. Files
 * are opened by another process, so that an abort is seen and counted. Prints a line per variant, then
 * each mutant that broke a rule; exits with 1 if there is one.
 */
import { parseArgs } from 'node:util'
import { PROVEN } from '../engine/models/trial.ts'
import { ARCHITECTURES } from '../test/support/architectures.ts'
import { LoadProcess } from '../test/support/load-process.ts'
import {
  baseOf,
  keyMutants,
  keysOf,
  sample,
  tensorMutants,
  tokenizerMutants,
  tryMutants,
  type Base,
  type Mutant,
  type Totals,
} from '../test/models/key-mutants.ts'

const { values, positionals } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
  allowPositionals: true,
})
const variants = [...(positionals.length > 0 ? positionals : ARCHITECTURES)]
const architectures = new Set(variants.map((variant) => variant.split(' ')[0]!))
const begin = performance.now()
const all: Totals[] = []
const keys = new Set<string>()
const broken: string[] = []

function* mutantsOf(base: Base, read: readonly string[]): Generator<Mutant> {
  yield* keyMutants(base, read)
  if (!PROVEN.has(base.variant.split(' ')[0]!)) return
  yield* tensorMutants(base)
  if (base.variant === 'llama') yield* tokenizerMutants(base)
}

async function work(): Promise<void> {
  const loader = new LoadProcess()
  for (let variant = variants.shift(); variant !== undefined; variant = variants.shift()) {
    const started = performance.now()
    try {
      const base = await baseOf(variant, loader)
      const read = await keysOf(base, loader)
      for (const key of read) keys.add(key)
      const mutants = mutantsOf(base, read)
      const totals = await tryMutants(
        values.sample === undefined
          ? mutants
          : sample(
              mutants,
              Number(values.sample),
              Number(values.seed) + ARCHITECTURES.indexOf(variant),
            ),
        loader,
      )
      all.push(totals)
      const { ran, refused, faults, slowestMs, mostBytes } = totals
      console.error(
        `${variant}: ${read.length} keys, ${totals.mutants} mutants, ${ran} ran, ${refused} refused, ${faults.length} faults; slowest ${Math.round(slowestMs)} ms, most ${Math.round(mostBytes / 2 ** 20)} MiB, ${Math.round((performance.now() - started) / 1000)} s`,
      )
      for (const { mutant, how } of faults) console.error(`  ${mutant}\t${how}`)
    } catch (error) {
      broken.push((error as Error).message)
      console.error(`  ${(error as Error).message}`)
    }
  }
  loader.close()
}

await Promise.all(Array.from({ length: Number(values.jobs) }, work))
const sum = (of: (totals: Totals) => number) => all.reduce((n, totals) => n + of(totals), 0)
const faults = sum((totals) => totals.faults.length)
console.log(
  `${architectures.size} architectures in ${all.length} variants, ${keys.size} keys, ${sum(({ mutants }) => mutants)} mutants: ${sum(({ ran }) => ran)} ran, ${sum(({ refused }) => refused)} refused (${sum(({ tried }) => tried)} by a trial), ${faults} faults; most ${Math.round(Math.max(...all.map(({ mostBytes }) => mostBytes)) / 2 ** 20)} MiB, ${Math.round((performance.now() - begin) / 1000)} s`,
)
if (broken.length > 0) console.log(`${broken.length} variants could not be tried`)
process.exitCode = faults + broken.length > 0 ? 1 : 0
