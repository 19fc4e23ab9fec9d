/** The command at the top of a checkout, as the README shows it. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { root } from '../../scripts/native/paths.ts'
import { run } from '../../scripts/native/process.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

it.skipIf(process.platform === 'win32')(
  'runs from any folder, and by a link from elsewhere',
  async () => {
    const link = join(folder, 'braid')
    symlinkSync(join(root, 'braid'), link)
    for (const command of [join(root, 'braid'), link])
      expect(await run(command, ['--version'], { cwd: folder })).toMatch(/^\d+\.\d+\.\d+$/)
  },
)

it('passes options and exit codes on', async () => {
  await expect(
    run(process.execPath, [join(root, 'braid'), 'solve', '--paths', '99', 'x']),
  ).rejects.toThrow(/exit code 2/)
})
