/** The patches against the pinned source: they fit, twice is once, and one that does not fit says so by name. */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetchPackage } from '../../scripts/native/fetch.ts'
import { patchesDir, readPin } from '../../scripts/native/paths.ts'
import { run } from '../../scripts/native/process.ts'
import { applyPatches, cloneSource, listPatches } from '../../scripts/native/source.ts'

describe('patches', () => {
  let folder: string
  let source: string
  const state = () => run('git', ['diff', '--stat', 'HEAD'], { cwd: source })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'braid-patches-'))
    source = join(folder, 'source')
    await cloneSource(
      join(await fetchPackage('node-llama-cpp'), 'llama', 'gitRelease.bundle'),
      source,
    )
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
    expect(await applyPatches(source)).toBe(true) // and the good ones still go on
  })

  it('refuse a folder that is not a clone of its own', async () => {
    await expect(applyPatches(folder)).rejects.toThrow('is not a git clone')
  })
})
