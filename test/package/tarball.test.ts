import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/renderer.ts'

/** What `npm pack` makes, unpacked beside the packages that its users get, and without a network. */
const folder = mkdtempSync(join(tmpdir(), 'braid-tarball-'))
const unpacked = join(folder, 'node_modules', 'braid')
const offline = pathToFileURL(join(root, 'test', 'support', 'offline.mjs')).href

interface Lock {
  packages: Record<string, { dev?: boolean }>
}

beforeAll(() => {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
      shell: process.platform === 'win32',
      maxBuffer: 1 << 26,
    }).replace(/^[^[]*/, ''),
  ) as { filename: string }[]
  mkdirSync(unpacked, { recursive: true })
  execFileSync('tar', [
    'xzf',
    join(folder, packed!.filename),
    '--strip-components=1',
    '-C',
    unpacked,
  ])
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  for (const [path, { dev }] of Object.entries(packages)) {
    if (dev === true || !/^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path)) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    symlinkSync(join(root, path), join(folder, path), 'junction')
  }
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs Node in the unpacked folder. */
const node = (args: string[], input = '') =>
  spawnSync(process.execPath, ['--import', offline, ...args], {
    cwd: unpacked,
    env: { ...process.env, BRAID_DATA: join(folder, 'data') },
    encoding: 'utf8',
    input,
  })

describe('the npm package', () => {
  it('can load what builds the native engine', () => {
    const loads = `const { ensureNative } = await import('./scripts/native/index.ts'); console.log(typeof ensureNative)`
    const { stdout, stderr } = node(['--import', 'tsx', '--input-type=module', '--eval', loads])
    expect(stdout.trim(), stderr).toBe('function')
  })

  it('runs programs in its own sandbox: `braid agree`', () => {
    // It stands for the built engine, which is not needed here.
    mkdirSync(join(unpacked, 'build', 'native'), { recursive: true })
    writeFileSync(join(unpacked, 'build', 'native', 'backends.json'), '{}')
    const attempts = ['sum(xs)', 'sum(x for x in xs)', 'max(xs)'].map(
      (body) => `\`\`\`python\ndef total(xs):\n    return ${body}\n\`\`\``,
    )
    const scripts = ['n * 2', 'n + n', 'n ** 2'].map(
      (body) => `\`\`\`js\nconst twice = (n) => ${body}\n\`\`\``,
    )
    const lines = [
      { question: 'Write total(xs).', attempts, probe: 'total([1, 2])\ntotal([5, 5])' },
      { question: 'Write twice(n).', attempts: scripts, probe: 'twice(3)\ntwice(0)\ntwice(5)' },
    ]
    const { stdout, stderr, status } = node(
      ['scripts/braid.mjs', 'agree', '-'],
      lines.map((line) => JSON.stringify(line)).join('\n'),
    )
    expect(status, stderr).toBe(0)
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(results).toMatchObject([
      {
        function: 'total',
        winner: 0,
        programs: [{ agreement: 2, ran: 2 }, { agreement: 2 }, { ran: 2 }],
      },
      {
        function: 'twice',
        winner: 0,
        programs: [{ agreement: 4, ran: 3 }, { ran: 3 }, { ran: 3 }],
      },
    ])
  })
})
