/** The patches on the pinned source: they fit, applying them twice equals once, and a patch that does not fit is named. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patchesDir, readPin, root } from '../../scripts/native/paths.ts'
import { run } from '../../scripts/native/process.ts'
import {
  applyPatches,
  cloneSource,
  listPatches,
  sourceBundle,
} from '../../scripts/native/source.ts'

describe('the source', () => {
  const pin = readPin()
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { name?: string; version: string; integrity?: string }>
  }

  it('comes with the development dependencies, at the version and hash of the pin', async () => {
    expect(await sourceBundle()).toBe(
      join(root, 'node_modules', 'node-llama-cpp', 'llama', 'gitRelease.bundle'),
    )
    expect(packages['node_modules/node-llama-cpp']).toMatchObject({
      version: pin.nodeLlamaCpp,
      integrity: pin.packages['node-llama-cpp'],
    })
  })

  describe('elsewhere', () => {
    const folder = mkdtempSync(join(tmpdir(), 'braid-source-'))
    const cache = process.env.BRAID_CACHE
    afterAll(() => {
      if (cache === undefined) delete process.env.BRAID_CACHE
      else process.env.BRAID_CACHE = cache
      rmSync(folder, { recursive: true, force: true })
    })

    it('is fetched by an installed Braid, which has no development dependencies', async () => {
      process.env.BRAID_CACHE = folder
      const fetched = join(folder, 'packages', `node-llama-cpp@${pin.nodeLlamaCpp}`)
      mkdirSync(fetched, { recursive: true })
      expect(await sourceBundle(undefined, join(folder, 'node_modules'))).toBe(
        join(fetched, 'llama', 'gitRelease.bundle'),
      )
    })

    it('is refused at another version than the pinned one', async () => {
      const other = join(folder, 'other', 'node-llama-cpp')
      mkdirSync(join(other, 'llama'), { recursive: true })
      writeFileSync(join(other, 'llama', 'gitRelease.bundle'), '')
      writeFileSync(join(other, 'package.json'), '{"version":"0.0.1"}')
      await expect(sourceBundle(undefined, join(folder, 'other'))).rejects.toThrow(
        `holds node-llama-cpp 0.0.1, patches/pin.json names ${pin.nodeLlamaCpp}`,
      )
    })
  })

  it('does not bring the platform archives', () => {
    const archives = Object.keys(packages).filter((name) => name.includes('/@node-llama-cpp/'))
    expect(archives.map((name) => name.replace('node_modules/', '')).sort()).toEqual(
      Object.keys(pin.packages)
        .filter((name) => name.startsWith('@'))
        .sort(),
    )
    for (const name of archives) expect(packages[name]!.name).toBe('empty-npm-package')
  })
})

describe('patches', () => {
  let folder: string
  let source: string
  const state = () => run('git', ['diff', '--stat', 'HEAD'], { cwd: source })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'braid-patches-'))
    source = join(folder, 'source')
    await cloneSource(await sourceBundle(), source)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('are numbered from 1 without a gap, and each begins with its reason', async () => {
    const names = await listPatches()
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, i) => i + 1))
    for (const name of names)
      expect(readFileSync(join(patchesDir, name), 'utf8')).toMatch(/^\w[^\n]+\n\n\w/)
  })

  it('fit the pinned source, and applying them again changes nothing', async () => {
    expect(await applyPatches(source)).toBe(true)
    await run('git', ['add', '-A'], { cwd: source })
    const once = await state()
    expect(once).toContain('llama-thought.cpp')
    expect(once).toContain('llama-quant.cpp')
    expect(await applyPatches(source)).toBe(false)
    expect(await state()).toBe(once)
  })

  it('replace what an older set of patches left', async () => {
    const older = join(folder, 'older')
    cpSync(patchesDir, older, { recursive: true })
    const [first] = await listPatches(older)
    appendFileSync(
      join(older, first!),
      'diff --git a/left-over b/left-over\nnew file mode 100644\n--- /dev/null\n+++ b/left-over\n@@ -0,0 +1 @@\n+x\n',
    )
    expect(await applyPatches(source, older)).toBe(true)
    expect(readFileSync(join(source, 'left-over'), 'utf8')).toBe('x\n')
    expect(await applyPatches(source)).toBe(true)
    expect(await run('git', ['status', '--porcelain'], { cwd: source })).not.toContain('left-over')
  })

  it('fail loudly with the name of the one that does not fit', async () => {
    const broken = join(folder, 'broken')
    cpSync(patchesDir, broken, { recursive: true })
    const [, second] = await listPatches(broken)
    const text = readFileSync(join(broken, second!), 'utf8')
    const wrong = text.replace(
      '// do not quantize norm tensors',
      '// this line is not in the source',
    )
    expect(wrong).not.toBe(text)
    writeFileSync(join(broken, second!), wrong)
    await expect(applyPatches(source, broken)).rejects.toThrow(
      `Patch ${second} does not fit llama.cpp ${readPin().llamaCpp.tag}`,
    )
    expect(await applyPatches(source)).toBe(true) // and the good ones can still be applied
  })

  it('refuse a folder that is not a clone of its own', async () => {
    await expect(applyPatches(folder)).rejects.toThrow('is not a git clone')
  })
})
