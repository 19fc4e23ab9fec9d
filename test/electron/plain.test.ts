import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { accelerator } from '../../electron/menu.ts'
import { isNewer, releaseSource } from '../../electron/releases.ts'
import { filesOf, readGiven } from '../../electron/files.ts'

// The package has no program here; the functions tried without Electron need none.
vi.mock('electron', () => ({}))

describe('what needs no Electron', () => {
  it.each([
    ['Mod+K', 'CmdOrCtrl+K'],
    ['Alt+1', 'Alt+1'],
    ['Mod+Shift+Enter', 'CmdOrCtrl+Shift+Return'],
    ['Mod+,', 'CmdOrCtrl+,'],
    ['Alt+ArrowUp', 'Alt+Up'],
    ['J', undefined],
    ['', undefined],
    ['Mod+é', undefined],
  ])('%s is %s in a menu', (shortcut, wanted) => expect(accelerator(shortcut)).toBe(wanted))

  it('files among arguments', () => {
    expect(
      filesOf(
        [
          'main.cjs',
          '--model',
          'a.gguf',
          'b.gguf',
          '/c/d.JSONL',
          '--flag=x.json',
          'e.txt',
          'f.braid',
        ],
        '/home',
      ),
    ).toEqual(['/home/b.gguf', '/c/d.JSONL', '/home/f.braid'])
    expect(readGiven('/nowhere/a.gguf')).toMatchObject({ kind: 'bad', name: 'a.gguf' })
    expect(readGiven(import.meta.dirname)).toMatchObject({ kind: 'bad' })
    expect(readGiven(import.meta.filename)).toMatchObject({ kind: 'bad' })
    const blob = join(mkdtempSync(join(tmpdir(), 'braid-given-')), 'sha256-0')
    writeFileSync(blob, 'GGUF and more')
    expect(readGiven(blob)).toEqual({ kind: 'model', path: blob })
    rmSync(dirname(blob), { recursive: true })
  })

  it.each([
    ['0.2.0', '0.1.9', true],
    ['0.10.0', '0.9.9', true],
    ['0.1.0', '0.1.0', false],
    ['0.0.9', '0.1.0', false],
    ['1.0.0', '1.0.0-rc.1', true],
  ])('%s after %s: %s', (a, b, newer) => expect(isNewer(a, b)).toBe(newer))

  it('releases are where the package says', () => {
    expect(releaseSource('https://github.com/a/b')).toEqual({
      api: 'https://api.github.com/repos/a/b/releases/latest',
      pages: 'https://github.com/a/b/releases/',
    })
    expect(releaseSource({ type: 'git', url: 'git+https://github.com/a/b.git' })).toEqual(
      releaseSource('https://github.com/a/b'),
    )
    for (const other of [
      undefined,
      'https://example.com/a/b',
      'http://github.com/a/b',
      'https://github.com/a/b/c',
    ])
      expect(releaseSource(other)).toBeUndefined()
    expect(releaseSource(undefined, 'http://evil.example/')).toBeUndefined()
  })
})
