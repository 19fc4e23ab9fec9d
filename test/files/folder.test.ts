import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeFolder, writeAtomic } from '../../engine/files/index.ts'
import { braid } from '../support/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-folder-'))
afterAll(() => rmSync(folder, { recursive: true }))
const codeOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}

describe('a folder', () => {
  it('is created with all that is missing of its path, for its user only', () => {
    const path = join(folder, 'a', 'b', 'c')
    makeFolder(path)
    makeFolder(path)
    expect(statSync(path).isDirectory()).toBe(true)
    if (process.platform !== 'win32') expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700)
  })

  it('is an error where a part of its path is a file or a link to nothing', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(codeOf(() => makeFolder(join(folder, 'file', 'x')))).toBe('io')
    expect(codeOf(() => makeFolder(join(folder, 'file')))).toBe('bad-path')
    symlinkSync(join(folder, 'nothing'), join(folder, 'link'))
    expect(codeOf(() => makeFolder(join(folder, 'link', 'x')))).toMatch(/bad-path|io/)
  })

  it('that was deleted is created again by what is saved in it', () => {
    const path = join(folder, 'gone', 'settings.json')
    writeAtomic(path, '1')
    rmSync(join(folder, 'gone'), { recursive: true })
    writeAtomic(path, '2')
    expect(existsSync(path)).toBe(true)
  })
})

describe.runIf(process.platform === 'linux')('a data folder that cannot be created', () => {
  it.each([
    ['/proc/x', ['runs']],
    ['/dev/null/x', ['runs']],
    ['/proc/x', ['serve', '--no-open']],
    ['/proc/x', ['api']],
    ['/proc/x', ['api', '--no-key']],
    ['/proc/x', ['solve', 'x']],
  ])('%s ends with a message: braid %j', async (data, args) => {
    const { code, stderr } = await braid(args, { env: { BRAID_DATA: data } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^braid: Creating the data folder failed: [^\n]*\n$/)
  })

  it('a link to what is served is not found in a folder that is not there', async () => {
    const env = { BRAID_DATA: join(folder, 'nowhere') }
    const { code, stderr } = await braid(['serve', '--link'], { env })
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^braid: No workbench is being/)])
  })

  it('Node itself still never ends there, which is why makeFolder exists', () => {
    const script = "require('fs').mkdirSync('/proc/x/y', { recursive: true })"
    expect(spawnSync(process.execPath, ['-e', script], { timeout: 3000 }).signal).toBe('SIGTERM')
  })
})
