import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { EngineProcess, physicalCores } from '../../engine/lab/process.ts'
import { digest } from './fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-process-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
/** A worker that runs `body` for its `n`-th job; `reply(...)` answers. Files in `folder` distinguish the deaths. */
const worker = (body: string) => {
  const file = join(folder, `worker-${count++}.mjs`)
  writeFileSync(
    file,
    `import fs from 'node:fs'; const mark = ${JSON.stringify(file)} + '.mark'; let n = 0; const reply = (d) => process.send({ digest: d })
const DIGEST = ${JSON.stringify(digest(['1'], ['1']))}
process.on('disconnect', () => process.exit(0)); process.on('message', (job) => { n++; ${body} })`,
  )
  return new EngineProcess({ file, execArgv: [] })
}
const job = { request: { problem: 'x', settings: {} } }

describe('EngineProcess', () => {
  it('answers job after job from one process, with typed errors', async () => {
    const one = worker(
      `if (n === 2) process.send({ failed: { code: 'bad-model', message: 'no' } }); else reply({ ...DIGEST, status: String(process.pid) })`,
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
  it('counts cores', () => expect(physicalCores()).toBeGreaterThanOrEqual(1))
})
