import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ModelRegistry } from '../../engine/models/registry.ts'
import { encodeGguf } from '../support/gguf-writer.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

let folder: string, data: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-registry-'))
  data = join(folder, 'data')
})
afterEach(() => rmSync(folder, { recursive: true }))
const model = (name: string, shape: 'qwen2' | 'llama' = 'qwen2') => {
  const file = join(folder, name)
  writeTiny(tinyModel({ shape, layers: 1 }), folder, file)
  return file
}

it('links a file in place, once, and lists it after a restart', async () => {
  const file = model('a.gguf')
  const bytes = readFileSync(file)
  const registry = new ModelRegistry(data)
  expect(await registry.list()).toEqual([])
  const entry = await registry.add(file)
  expect(entry).toEqual({ file, name: 'tiny qwen2', sizeBytes: bytes.length, bundled: false, present: true })
  await registry.add(file)
  await registry.add(relative(process.cwd(), file))
  expect(await new ModelRegistry(data).list()).toEqual([entry])
  expect(readFileSync(file).equals(bytes)).toBe(true)
  expect(readdirSync(data)).toEqual(['models.json'])
})

it('removing a link leaves the file; a file that moved says so', async () => {
  const [a, b] = [model('a.gguf'), model('b.gguf', 'llama')]
  const registry = new ModelRegistry(data)
  await registry.add(a)
  await registry.add(b)
  await registry.remove(a)
  await registry.remove(join(folder, 'never-linked.gguf'))
  expect(existsSync(a)).toBe(true)
  renameSync(b, join(folder, 'moved.gguf'))
  expect(await registry.list()).toMatchObject([{ file: b, name: 'tiny llama', present: false }])
})

it('refuses what is no model and keeps the list', async () => {
  const registry = new ModelRegistry(data)
  await registry.add(model('a.gguf'))
  const before = readFileSync(join(data, 'models.json'), 'utf8')
  const bad = join(folder, 'bad.gguf')
  writeFileSync(bad, encodeGguf({}, []))
  await expect(registry.add(bad)).rejects.toMatchObject({ code: 'bad-model' })
  await expect(registry.add(join(folder, 'missing.gguf'))).rejects.toMatchObject({ code: 'model-not-found' })
  expect(readFileSync(join(data, 'models.json'), 'utf8')).toBe(before)
})

it('many changes at once all count', async () => {
  const registry = new ModelRegistry(data)
  const files = Array.from({ length: 8 }, (_, i) => model(`${i}.gguf`))
  await Promise.all(files.map((file) => registry.add(file)))
  await Promise.all(files.slice(0, 3).map((file) => registry.remove(file)))
  expect((await registry.list()).map(({ file }) => file).sort()).toEqual(files.slice(3))
})

it('a damaged list is an error that says so, and is not overwritten', async () => {
  mkdirSync(data)
  writeFileSync(join(data, 'models.json'), '{"version":1,"models":[')
  const registry = new ModelRegistry(data)
  await expect(registry.list()).rejects.toMatchObject({ code: 'io' })
  await expect(registry.add(model('a.gguf'))).rejects.toMatchObject({ code: 'io' })
  expect(readFileSync(join(data, 'models.json'), 'utf8')).toBe('{"version":1,"models":[')
})

it('a failed save leaves the old list and no partial file', async () => {
  const registry = new ModelRegistry(data)
  await registry.add(model('a.gguf'))
  // A folder in the place of the file that is renamed over it.
  rmSync(join(data, 'models.json'))
  mkdirSync(join(data, 'models.json', 'x'), { recursive: true })
  await expect(registry.add(model('b.gguf'))).rejects.toMatchObject({ code: 'io' })
  expect(readdirSync(data)).toEqual(['models.json'])
})

it('bundled models come first, and only those that are there and beside the manifest', async () => {
  const bundled = join(folder, 'models')
  mkdirSync(bundled)
  const outside = model('outside.gguf')
  writeTiny(tinyModel({ shape: 'llama', layers: 1 }), bundled, join(bundled, 'in.gguf'))
  writeFileSync(join(bundled, 'manifest.json'), JSON.stringify({ models: [
    { name: 'Bundled', file: 'in.gguf', licence: 'MIT' }, { name: 'To download', url: 'https://example.org' }, { name: 'Gone', file: 'gone.gguf' }, { name: 'Out', file: '../outside.gguf' },
  ] }))
  const registry = new ModelRegistry(data, bundled)
  await registry.add(outside)
  expect(await registry.list()).toMatchObject([{ name: 'Bundled', bundled: true, present: true, file: join(bundled, 'in.gguf') }, { file: outside, bundled: false }])
  writeFileSync(join(bundled, 'manifest.json'), 'not JSON')
  expect(await registry.bundled()).toEqual([])
})
