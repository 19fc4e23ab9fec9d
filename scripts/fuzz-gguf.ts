/** `npm run fuzz:gguf -- [mutants] [seed]`: tries mutants of GGUF files on the header check (test/models/mutants.ts). */
import { fuzzGguf } from '../test/models/mutants.ts'

const mutants = Number(process.argv[2] ?? 100_000)
const seed = Number(process.argv[3] ?? 1)
const begin = performance.now()
const result = await fuzzGguf(mutants, seed, (done) => {
  if (done % 10_000 === 0) console.error(`${done} of ${mutants}`)
})
console.log(
  `${mutants} mutants, seed ${seed}: ${result.read} read, ${result.refused} refused, none crashed; slowest ${result.slowestMs.toFixed(0)} ms, peak ${(result.peakRss / 2 ** 20).toFixed(0)} MiB, ${((performance.now() - begin) / 1000).toFixed(0)} s`,
)
for (const [message, times] of [...result.messages].sort((a, b) => b[1] - a[1]))
  console.log(`${String(times).padStart(8)}  ${message}`)
