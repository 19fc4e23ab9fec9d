import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { sourceOptions } from '../../engine/programs/index.ts'
import { Sandbox, sandboxFolder } from '../../engine/sandbox/index.ts'
import { root } from '../../scripts/renderer.ts'

const temporary = mkdtempSync(join(tmpdir(), 'braid-build-'))
afterAll(() => rmSync(temporary, { recursive: true }))

it('a checkout builds the sandbox from its npm packages alone, without a network', async () => {
  const folder = join(temporary, 'sandbox')
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      pathToFileURL(join(root, 'test', 'support', 'offline.mjs')).href,
      ...sourceOptions(),
      join(root, 'scripts', 'sandbox', 'build.ts'),
      folder,
    ],
    { encoding: 'utf8', cwd: temporary },
  )
  expect(status, stderr).toBe(0)
  const own = await sandboxFolder()
  expect(readdirSync(folder).sort()).toEqual(readdirSync(own).sort())
  for (const name of ['main.mjs', 'python.wasm', 'LICENCES.txt'])
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(own, name))), name).toBe(true)
  const sandbox = new Sandbox({}, () => Promise.resolve(folder))
  const job = { language: 'python', program: 'f = lambda x: x + 1', calls: ['f(1)'] } as const
  expect(await sandbox.run(job, new AbortController().signal)).toEqual([{ value: '2' }])
  await sandbox.close()
})
