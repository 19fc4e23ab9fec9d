/**
 * `npm run fuzz:commands -- [runs] [seed] [from]`: random commands at random moments of random runs (test/run/fuzz.ts).
 * `from`: the number of the first run, to go on with a campaign or to meet one run again.
 */
import { fuzzCommands } from '../test/run/fuzz.ts'
import { printCounts } from '../test/support/random-runs.ts'

const [runs, seed, from] = [2000, 1, 0].map((usual, i) => Number(process.argv[2 + i] ?? usual))
const begin = performance.now()
const result = await fuzzCommands({
  runs: runs!,
  seed: seed!,
  from: from!,
  onRun: (run) => {
    if ((run + 1) % (runs! < 500 ? 10 : 100) === 0) console.error(`${run + 1} of ${from! + runs!}`)
  },
})
console.log(
  `${result.runs} runs, seed ${seed}: ${result.events} events, no fault, ${((performance.now() - begin) / 1000).toFixed(0)} s`,
)
for (const counts of [result.ends, result.commands]) printCounts(counts)
