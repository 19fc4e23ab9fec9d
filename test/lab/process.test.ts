import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { EngineProcess } from '../../engine/lab/process.ts'
import { digest } from './fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-process-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
/** A worker that runs `body` for its `n`-th job; `reply(...)` answers. Files in `folder` distinguish the deaths. */
const worker = (body: string) => {
  const file = join(folder, `worker-${count++}.mjs`)
  writeFileSync(
    file,
    `import fs from 'node:fs'; const mark = ${JSON.stringify(file)} + '.mark'; let n = 0; let id; const reply = (d) => process.send({ id, digest: d })
const DIGEST = ${JSON.stringify(digest(['1'], ['1']))}
process.on('disconnect', () => process.exit(0)); process.on('message', (job) => { n++; id = job.id; ${body} })`,
  )
  return new EngineProcess(1, { file, execArgv: [] })
}
const job = { request: { problem: 'x', settings: {} } }

describe('EngineProcess', () => {
  it('answers job after job from one process, with typed errors', async () => {
    const one = worker(
      `if (n === 2) process.send({ id, failed: { code: 'bad-model', message: 'no' } }); else reply({ ...DIGEST, status: String(process.pid) })`,
    )
    const first = await one.run(job)
    await expect(one.run(job)).rejects.toMatchObject({ code: 'bad-model', message: 'no' })
    expect(await one.run(job)).toEqual(first)
    one.close()
  })
  it('makes a run once more after a death', async () => {
    const one = worker(
      `if (fs.existsSync(mark)) reply(DIGEST); else { fs.writeFileSync(mark, ''); process.kill(process.pid, 'SIGKILL') }`,
    )
    expect(await one.run(job)).toEqual(digest(['1'], ['1']))
    one.close()
  })
  it('a run that kills every process is a failed run where others worked, else the end', async () => {
    const one = worker(`if (job.request.problem === 'x') reply(DIGEST); else process.exit(3)`)
    await expect(one.run({ request: { problem: 'bad', settings: {} } })).rejects.toMatchObject({
      code: 'engine-lost',
    })
    await one.run(job)
    expect(await one.run({ request: { problem: 'bad', settings: {} } })).toMatchObject({
      status: 'failed',
      error: { code: 'engine-lost' },
    })
    expect(await one.run(job)).toEqual(digest(['1'], ['1']))
    one.close()
  })
  it('closing ends a run in progress', async () => {
    const one = worker('')
    const run = one.run(job)
    setTimeout(() => one.close(), 200)
    await expect(run).rejects.toMatchObject({ code: 'engine-lost' })
    await expect(one.run(job)).rejects.toMatchObject({ code: 'cancelled' })
  })
  it('makes several runs at once, and repeats each alone after a death', async () => {
    const one = worker(
      `if (job.request.problem === 'bad') setTimeout(() => process.exit(3), 50); else if (n > 1 || fs.existsSync(mark)) reply({ ...DIGEST, status: 'pid ' + process.pid }); else fs.writeFileSync(mark, '')`,
    )
    const ask = (problem: string) => one.run({ request: { problem, settings: {} } })
    // The first run is never answered by the first process, which the third one ends.
    const [slow, quick, bad] = await Promise.all([ask('slow'), ask('quick'), ask('bad')])
    expect(quick.status).toMatch(/^pid/)
    expect(slow.status).toMatch(/^pid/)
    expect(slow.status).not.toBe(quick.status)
    expect(bad).toMatchObject({ status: 'failed', error: { code: 'engine-lost' } })
    one.close()
  })
})
