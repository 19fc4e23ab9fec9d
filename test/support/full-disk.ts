/** Fills the disk that holds the folder given as argument while a run is written; prints the outcome as JSON. */
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RunStore } from '../../engine/transcripts/store.ts'
import { runStarted, sampleRun, tokensOf } from './sample-run.ts'

const folder = process.argv[2]!
const store = new RunStore(folder)
const old = store.create('old').writer
for (const event of sampleRun('old')) old.append(event)
store.close('old')
store.update('old', { title: 'kept' })

const codeOf = (action: () => unknown) => {
  try {
    action()
    return 'none'
  } catch (error) {
    return (error as { code: string }).code
  }
}
const { writer } = store.create('new')
writer.append(runStarted('new'))
let appended = 1
const code = codeOf(() => {
  for (;;) {
    writer.append({
      type: 'tokens',
      at: 1,
      segment: 'p1',
      tokens: tokensOf('some text that fills the disk', 1, false),
    })
    appended++
  }
})
const sizeIsWhole = statSync(join(folder, 'runs', 'new.jsonl')).size === writer.bytes
// Fills the space that a shorter write had left, so that not even a small file fits.
const rest = join(folder, 'rest')
for (let size = 4096; size >= 1; size >>= 1)
  codeOf(() => writeFileSync(rest, Buffer.alloc(size), { flag: 'a' }))
const metaCode = codeOf(() => store.update('old', { title: 'x'.repeat(400) }))
const createCode = codeOf(() => store.create('third').writer.append(runStarted('third')))
const seen = {
  code,
  metaCode,
  createCode,
  sizeIsWhole,
  events: store.events('new').length === appended,
  old: store.events('old').length,
  title: store.meta('old').title,
}
rmSync(rest)
const retry = codeOf(() => writer.append({ type: 'notice', at: 2, code: 'a' }))
console.log(
  JSON.stringify({ ...seen, retry, afterRetry: store.events('new').length === appended + 1 }),
)
