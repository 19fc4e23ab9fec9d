import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RunEvent } from '../../engine/protocol/events.ts'
import { root } from '../../scripts/renderer.ts'
import { until } from '../support/test-client.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

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
  // Stands for the engine that `braid` builds at its first start.
  mkdirSync(join(unpacked, 'build'))
  symlinkSync(join(root, 'build', 'native'), join(unpacked, 'build', 'native'), 'junction')
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true }))

const env = { ...process.env, BRAID_DATA: join(folder, 'data') }

/** Runs Node in the unpacked folder. */
const node = (args: string[], input = '') =>
  spawnSync(process.execPath, ['--import', offline, ...args], {
    cwd: unpacked,
    env,
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

  const braid = (...args: string[]) => {
    const { stdout, stderr, status } = node(['scripts/braid.mjs', ...args])
    expect(status, stderr).toBe(0)
    return stdout
  }

  it('says what it is and what it can do', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(braid('--version').trim()).toBe(version)
    const help = braid('--help')
    for (const command of ['solve', 'model', 'agree', 'serve']) expect(help).toContain(command)
  })

  it('describes a model and answers with it', () => {
    const file = writeTiny(tinyModel({ shape: 'qwen2' }), folder)
    expect(JSON.parse(braid('model', file, '--json'))).toMatchObject({ architecture: 'qwen2' })
    const budgets = ['--paths', '2', '--budget', '4', '--summary-budget', '4', '--threads', '1']
    const events = braid('solve', 'the', '--model', file, '--json', ...budgets)
      .trimEnd()
      .split('\n')
      .map((line) => RunEvent.parse(JSON.parse(line)))
    expect(events.at(-1)).toMatchObject({ type: 'run-ended', reason: 'finished' })
  })

  it('serves its own page', async () => {
    const args = ['scripts/braid.mjs', 'serve', '--no-open']
    const child = spawn(process.execPath, args, { cwd: unpacked, env })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    try {
      await until(() => stdout.includes('\n') || child.exitCode !== null, 'the link', 150_000)
      const [, link] = /^Braid: (http:\S+)\n$/.exec(stdout) ?? []
      expect(link, stderr).toBeDefined()
      const cookie = (await fetch(link!)).headers.get('set-cookie')!.split(';')[0]!
      const page = await fetch(new URL(link!).origin, { headers: { cookie } })
      expect(await page.text()).toContain('<script type="module"')
    } finally {
      child.kill()
    }
  })
})
