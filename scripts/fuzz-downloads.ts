/** `npm run fuzz:downloads -- [count] [seed]`: downloads from servers that close their connections, with the engine thinking beside (test/models/download/beside.ts). */
import { downloadBeside } from '../test/models/download/beside.ts'

const count = Number(process.argv[2] ?? 1000)
const seed = Number(process.argv[3] ?? 1)
const begin = performance.now()
const { right, resumed, tokens, runs, peakMiB } = await downloadBeside(count, seed, (line) =>
  console.error(line),
)
const seconds = ((performance.now() - begin) / 1000).toFixed(0)
console.log(
  `${right} of ${count} downloads right, seed ${seed}, ${resumed} of them resumed after a failure; ` +
    `meanwhile the engine never ended and decoded ${tokens} tokens in ${runs} runs; its peak is ${peakMiB} MiB; ${seconds} s`,
)
