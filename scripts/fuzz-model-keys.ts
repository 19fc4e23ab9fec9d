/**
 * `npm run fuzz:model-keys -- [--jobs N] [variant ...]`: tries every number of a model's metadata
 * with values that no model has, and tokenizers that do not fit, over all variants of architectures
 * (test/support/architectures.ts) or these; of proven architectures also every tensor
 * (test/models/key-mutants.ts). Each file is opened by a process of its own kind, so that an abort is
 * seen and counted. Prints a line per variant, then each mutant that broke a rule; exits with 1 if
 * there is one.
 */
import { parseArgs } from 'node:util'
import { PROVEN } from '../engine/models/trial.ts'
import { ARCHITECTURES } from '../test/support/architectures.ts'
import { LoadProcess } from '../test/support/load-process.ts'
import {
  baseOf,
  keyMutants,
  tensorMutants,
  tokenizerMutants,
  tryMutants,
  type Base,
  type Mutant,
  type Totals,
} from '../test/models/key-mutants.ts'

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const variants = [...(positionals.length > 0 ? positionals : ARCHITECTURES)]
const begin = performance.now()
const all: Totals[] = []
const broken: string[] = []

function* mutantsOf(base: Base): Generator<Mutant> {
  yield* keyMutants(base)
  if (!PROVEN.has(base.variant.split(' ')[0]!)) return
  yield* tensorMutants(base)
  if (base.variant === 'llama') yield* tokenizerMutants(base)
}

async function work(): Promise<void> {
  const loader = new LoadProcess()
  for (let variant = variants.shift(); variant !== undefined; variant = variants.shift()) {
    const started = performance.now()
    try {
      const totals = await tryMutants(mutantsOf(await baseOf(variant, loader)), loader)
      all.push(totals)
      const { mutants, ran, refused, faults, slowestMs, mostBytes } = totals
      console.error(
        `${variant}: ${mutants} mutants, ${ran} ran, ${refused} refused, ${faults.length} faults; slowest ${Math.round(slowestMs)} ms, most ${Math.round(mostBytes / 2 ** 20)} MiB, ${Math.round((performance.now() - started) / 1000)} s`,
      )
    } catch (error) {
      broken.push((error as Error).message)
    }
  }
  loader.close()
}

await Promise.all(Array.from({ length: Number(values.jobs) }, work))
const sum = (of: (totals: Totals) => number) => all.reduce((n, totals) => n + of(totals), 0)
const faults = all.flatMap((totals) => totals.faults)
console.log(
  `${all.length} variants, ${sum(({ mutants }) => mutants)} mutants: ${sum(({ ran }) => ran)} ran, ${sum(({ refused }) => refused)} refused, ${faults.length} faults; most ${Math.round(Math.max(...all.map(({ mostBytes }) => mostBytes)) / 2 ** 20)} MiB, ${Math.round((performance.now() - begin) / 1000)} s`,
)
for (const { mutant, how } of faults) console.log(`${mutant}\t${how}`)
for (const message of broken) console.log(message)
process.exitCode = faults.length + broken.length > 0 ? 1 : 0
