import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { Sandbox, sandboxFolder } from '../../engine/sandbox/index.ts'
import { javascript, python } from './attacks.ts'

const unavailable =
  process.platform !== 'linux'
    ? 'it is for Linux'
    : spawnSync('strace', ['-o', '/dev/null', process.execPath, '-v']).status !== 0
      ? 'strace is missing or may not trace'
      : null

const folder = mkdtempSync(join(tmpdir(), 'braid-strace-'))
const { BRAID_NODE } = process.env
afterAll(() => {
  if (BRAID_NODE === undefined) delete process.env.BRAID_NODE
  else process.env.BRAID_NODE = BRAID_NODE
  rmSync(folder, { recursive: true })
})

/** Where Node and the system's libraries read at every start. */
const SYSTEM = [
  '/proc',
  '/sys',
  '/dev',
  '/lib',
  '/lib64',
  '/usr/lib',
  '/usr/share/zoneinfo',
  '/etc/ssl',
  '/etc/ld.so',
]

it.skipIf(unavailable !== null)(
  `the child's system calls open no file of the user and connect to nothing${unavailable === null ? '' : `: skipped, ${unavailable}`}`,
  async () => {
    const log = join(folder, 'log')
    const node = join(folder, 'node')
    const strace = spawnSync('which', ['strace'], { encoding: 'utf8' }).stdout.trim()
    const calls =
      'trace=%network,%process,open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,symlink,symlinkat,kill,tkill,ptrace,bpf,mount,io_uring_setup'
    writeFileSync(
      node,
      `#!/bin/sh\nexec ${strace} -f -qq -o ${log} -e ${calls} ${process.execPath} "$@"\n`,
    )
    chmodSync(node, 0o755)
    process.env.BRAID_NODE = node
    const secret = join(folder, 'secret.txt')
    const sandbox = new Sandbox({ ms: 10_000 })
    const { signal } = new AbortController()
    const reach = [
      ...python(secret, 9).map((attack) => ['python', attack] as const),
      ...javascript(secret, 9).map((attack) => ['javascript', attack] as const),
    ].filter(([, [, , wanted]]) => wanted === 'reach')
    expect(reach.length).toBeGreaterThan(40)
    for (const [language, [, program]] of reach)
      await sandbox.run({ language, program, calls: ['f()'] }, signal)
    // A thread that has to be ended, and an ordinary program in the next one.
    const outcomes = await sandbox.run(
      { language: 'python', program: '', calls: ['9 ** 9 ** 9', '1 + 1'] },
      signal,
    )
    expect(outcomes[1]).toEqual({ value: '2' })
    await sandbox.close()

    const lines = readFileSync(log, 'utf8').split('\n')
    const own = [await sandboxFolder(), dirname(dirname(realpathSync(process.execPath)))]
    const opened = lines.flatMap((line) => {
      const match = /\bopen(?:at2?)?\((?:\w+, )?"([^"]*)", (?:\{flags=)?([A-Z_|]+)/.exec(line)
      return match === null ? [] : [{ file: match[1]!, flags: match[2]! }]
    })
    expect(opened.some(({ file }) => file.endsWith('python.image'))).toBe(true)
    const strange = opened.filter(({ file, flags }) =>
      /O_(WRONLY|RDWR|CREAT)/.test(flags)
        ? !file.startsWith('/dev/')
        : ![...SYSTEM, ...own].some(
            (one) => file === one || file.startsWith(`${one}${one.startsWith('/etc') ? '' : sep}`),
          ),
    )
    expect(strange).toEqual([])
    const acted = lines.filter((line) =>
      /\b(connect|bind|listen|accept4?|socket|sendto|sendmsg|creat|unlink|unlinkat|rename\w*|mkdir\w*|link\w*|symlink\w*|vfork|fork|kill|tkill|ptrace|bpf|mount|io_uring_setup)\(/.test(
        line,
      ),
    )
    expect(acted).toEqual([])
    // The start of Node itself, and threads of its process.
    expect(lines.filter((line) => /\bexecve(at)?\(/.test(line))).toHaveLength(1)
    const clones = lines.filter((line) => /\bclone3?\(/.test(line))
    expect(clones.length).toBeGreaterThan(0)
    expect(clones.filter((line) => !line.includes('CLONE_THREAD'))).toEqual([])
  },
)
