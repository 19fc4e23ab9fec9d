/**
 * `npm run fuzz:host -- [sequences] [seed] [from] [--busy]`: random requests of two windows to one host (test/host/fuzz).
 * `from`: the number of the first sequence, to go on with a campaign or to meet one again. `--busy`: beside a busy loop
 * for every processor.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fuzzHost } from '../test/host/fuzz/fuzz.ts'
import { printCounts } from '../test/support/random-runs.ts'

const args = process.argv.slice(2)
const numbers = args.filter((arg) => arg !== '--busy').map(Number)
const [sequences, seed, from] = [5000, 1, 0].map((usual, i) => numbers[i] ?? usual)
const loops = args.includes('--busy')
  ? Array.from({ length: availableParallelism() }, () =>
      spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
    )
  : []
const begin = performance.now()
try {
  const result = await fuzzHost({
    sequences: sequences!,
    seed: seed!,
    from: from!,
    onSequence: (number) => {
      if ((number + 1) % (sequences! < 500 ? 10 : 100) === 0)
        console.error(`${number + 1} of ${from! + sequences!}`)
    },
  })
  const commands = [...result.requests]
    .filter(([what]) => what.startsWith('command'))
    .reduce((sum, [, times]) => sum + times, 0)
  console.log(
    `${result.sequences} sequences, seed ${seed}: ${commands} commands, ${result.events} events, ${result.kills} kills, no fault, ${((performance.now() - begin) / 1000).toFixed(0)} s`,
  )
  for (const counts of [result.ends, result.requests]) printCounts(counts)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
} finally {
  for (const loop of loops) loop.kill('SIGKILL')
}
