/** The small parts of setup: messages for missing tools, progress, the lock, integrity, and a build that is already done. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { currentNative } from '../../scripts/native/addon.ts'
import { fetchPackage } from '../../scripts/native/fetch.ts'
import { ensureNative } from '../../scripts/native/index.ts'
import { withLock } from '../../scripts/native/lock.ts'
import { root } from '../../scripts/native/paths.ts'
import { run } from '../../scripts/native/process.ts'
import { buildFraction } from '../../scripts/native/progress.ts'
import { installAdvice } from '../../scripts/native/tools.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-setup-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('missing tools', () => {
  it.each([
    ['linux', 'ID=debian\n', 'apt-get install git cmake g++'],
    ['linux', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt-get install git cmake g++'],
    ['linux', 'NAME="Fedora Linux"\nID=fedora\n', 'dnf install git cmake gcc-c++'],
    ['linux', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'dnf install'],
    ['linux', 'ID=unheard-of\n', 'C++17 compiler'],
    ['darwin', '', 'xcode-select --install'],
    ['win32', '', 'winget install Git.Git Kitware.CMake'],
  ] as const)('on %s with %j: %s', (platform, osRelease, advice) => {
    expect(installAdvice(platform, osRelease)).toContain(advice)
  })

  it('are all named in one message', async () => {
    const env = { PATH: folder } // an empty folder: no program can be found
    const tools = JSON.stringify(join(root, 'scripts', 'native', 'tools.ts'))
    const child = run(
      process.execPath,
      ['--import', 'tsx', '-e', `await (await import(${tools})).requireTools()`],
      { env, cwd: root },
    )
    await expect(child).rejects.toThrow(/needs CMake, git, tar, a C\+\+ compiler/)
  })
})

describe('progress', () => {
  it('is read from Ninja and make', () => {
    expect(buildFraction('[93/186] Building CXX object src/x.o')).toBe(0.5)
    expect(buildFraction('[ 25%] Building CXX object src/x.o')).toBe(0.25)
    expect(buildFraction('-- Configuring done')).toBeUndefined()
  })
})

describe('lock', () => {
  it('lets one in at a time', async () => {
    const lock = join(folder, 'lock')
    let inside = 0
    const most: number[] = []
    const enter = () =>
      withLock(
        lock,
        () => {},
        async () => {
          most.push(++inside)
          await new Promise((resolve) => setTimeout(resolve, 20))
          inside--
        },
      )
    await Promise.all([enter(), enter(), enter()])
    expect(most).toEqual([1, 1, 1])
  })

  it('is taken over from a process that died', async () => {
    const lock = join(folder, 'stale')
    mkdirSync(lock)
    writeFileSync(join(lock, 'pid'), '2147483646')
    expect(
      await withLock(
        lock,
        () => {},
        async () => 'in',
      ),
    ).toBe('in')
  })
})

describe('setup', () => {
  it('fetches nothing that is not pinned', async () => {
    await expect(fetchPackage('left-pad')).rejects.toThrow('left-pad is not in patches/pin.json')
  })

  it('is done once: a second call finds the same build', async () => {
    const { key } = await ensureNative()
    expect((await currentNative())?.key).toBe(key)
  })

  it('fails with the end of what a program said', async () => {
    await expect(
      run(process.execPath, ['-e', 'console.error("the reason"); process.exit(3)']),
    ).rejects.toThrow(/exit code 3\):\nthe reason/)
  })
})
