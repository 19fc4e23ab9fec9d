import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../../scripts/renderer.ts'
import { smolLM2 } from '../support/models.ts'

/** A short form of `npm run egress`, which watches all end-to-end tests. */
const needed = ['/usr/bin/unshare', '/usr/bin/strace', '/usr/sbin/ip']
const missing = needed.filter((file) => !existsSync(file))
const why =
  process.platform !== 'linux'
    ? 'it is for Linux'
    : missing.length > 0
      ? `${missing.join(', ')} not here`
      : spawnSync('unshare', ['--net', 'true']).status !== 0
        ? 'no namespace can be made here'
        : null

function watch(...command: string[]) {
  const data = mkdtempSync(join(tmpdir(), 'braid-egress-'))
  try {
    const { stdout, status } = spawnSync(
      join(root, 'scripts', 'egress.sh'),
      ['--exec', ...command],
      { cwd: root, encoding: 'utf8', env: { ...process.env, BRAID_DATA: data }, timeout: 240_000 },
    )
    return { stdout, status }
  } finally {
    rmSync(data, { recursive: true })
  }
}

it.skipIf(why !== null)(
  `a connection to elsewhere is found${why === null ? '' : `: skipped, ${why}`}`,
  () => {
    const dial = (where: string) => watch(process.execPath, '-e', where)
    expect(
      dial(`require('node:net').connect(443, '192.0.2.1').on('error', () => {})`),
    ).toMatchObject({ status: 1, stdout: expect.stringMatching(/by Braid: 1\n[^]*192\.0\.2\.1/) })
    expect(
      dial(
        `require('node:dgram').createSocket('udp6').send('x', 9, '2001:db8::1', () => process.exit())`,
      ),
    ).toMatchObject({ status: 1, stdout: expect.stringContaining('2001:db8::1') })
    expect(dial(`require('node:net').connect(9, '127.0.0.1').on('error', () => {})`)).toMatchObject(
      { status: 0, stdout: expect.stringMatching(/by Braid: 0/) },
    )
  },
)

it.skipIf(why !== null)(
  `a run of the command line tries none${why === null ? '' : `: skipped, ${why}`}`,
  async () => {
    const model = await smolLM2()
    const { stdout, status } = watch(
      process.execPath,
      join(root, 'scripts', 'braid.mjs'),
      'solve',
      'What is 2 + 3?',
      '--model',
      model,
      '--paths',
      '2',
      '--budget',
      '6',
      '--summary-budget',
      '4',
      '--threads',
      '1',
      '--json',
    )
    expect(stdout).toContain('"type":"run-ended"')
    expect(stdout).toMatch(/by Braid: 0$/m)
    expect(status).toBe(0)
  },
  300_000,
)
