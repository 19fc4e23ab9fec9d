/** Kills downloads from a local server at seeded moments: `npx tsx scripts/kill-downloads.ts [count] [seed]`. */
import { killDownloads } from '../test/models/download/kill.ts'

const [count = '100', seed = '1'] = process.argv.slice(2)
console.log(
  await killDownloads(Number(count), Number(seed)).then(
    ({ right, kills }) => `${right} files right after ${kills} kills`,
  ),
)
