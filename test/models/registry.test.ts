import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bundledModels, readCatalogue, readManifest } from '../../engine/models/manifest.ts'
import { ModelRegistry } from '../../engine/models/registry.ts'
import { encodeGguf, type Tensor } from '../support/gguf-writer.ts'
import { tinyModel } from '../support/tiny-models.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-registry-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0
const fresh = () => {
  const folder = join(root, String(count++))
  mkdirSync(folder)
  return folder
}
const put = (file: string, content: string | Buffer) => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}
const model = tinyModel({ shape: 'qwen2' }).gguf
const other = tinyModel({ shape: 'llama', seed: 2 }).gguf
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string }) => error.code,
  )

describe('the list', () => {
  const open = () => {
    const folder = fresh()
    return {
      folder,
      data: join(folder, 'data'),
      downloads: join(folder, 'data', 'models'),
      links: new ModelRegistry(join(folder, 'data'), () => []),
    }
  }

  it('links files in place; what is not a model is refused', async () => {
    const { folder, data, links } = open()
    const file = put(join(folder, 'a.gguf'), model)
    expect(await links.add(file)).toMatchObject({
      file,
      name: 'tiny qwen2',
      sizeBytes: model.length,
      origin: 'link',
      present: true,
    })
    await links.add(file)
    expect(await links.list()).toHaveLength(1)
    expect(await codeOf(links.add(put(join(folder, 'bad.gguf'), 'GGUF')))).toBe('bad-model')
    expect(await codeOf(links.add(join(folder, 'none.gguf')))).toBe('model-not-found')
    expect(await codeOf(links.add('a.gguf'))).toBe('bad-path')
    expect(await new ModelRegistry(data, () => []).list()).toHaveLength(1)
    expect(readFileSync(file).equals(model)).toBe(true)
  })

  it('loses nothing where two change it at once', async () => {
    const { folder, data, links } = open()
    const [mine, theirs] = ['a', 'b'].map((who) =>
      Array.from({ length: 8 }, (_, i) => put(join(folder, `${who}${i}.gguf`), model)),
    )
    const second = new ModelRegistry(data, () => [])
    await Promise.all([
      ...mine!.map((file) => links.add(file)),
      ...theirs!.map((file) => second.add(file)),
    ])
    expect((await links.list()).map(({ file }) => file).sort()).toEqual([...mine!, ...theirs!])
    expect(readdirSync(data)).toEqual(['models.json'])
  })

  it('a folder: its models are added, the rest is told', async () => {
    const { folder, links } = open()
    put(join(folder, 'm', 'a.gguf'), model)
    put(join(folder, 'm', 'sub', 'b.gguf'), other)
    put(join(folder, 'm', 'broken.gguf'), 'nothing')
    await links.add(join(folder, 'm', 'a.gguf'))
    const { added, known, refused } = await links.addFolder(join(folder, 'm'))
    expect(added.map(({ file }) => file)).toEqual([join(folder, 'm', 'sub', 'b.gguf')])
    expect(known.map(({ file }) => file)).toEqual([join(folder, 'm', 'a.gguf')])
    expect(refused).toMatchObject([{ file: join(folder, 'm', 'broken.gguf'), code: 'bad-model' }])
    expect(await codeOf(links.addFolder(join(folder, 'none')))).toBe('model-not-found')
  })

  it('a split model is one, and its first part is what is opened', async () => {
    const { folder, links } = open()
    const [first, second] = split()
    put(join(folder, 's-00001-of-00002.gguf'), first)
    const part = put(join(folder, 's-00002-of-00002.gguf'), second)
    expect(await links.add(part)).toMatchObject({
      file: join(folder, 's-00001-of-00002.gguf'),
      sizeBytes: first.length + second.length,
    })
    rmSync(part)
    expect(await codeOf(links.add(join(folder, 's-00001-of-00002.gguf')))).toBe('model-not-found')
  })

  it('a moved file says so, and can be pointed to again, but only to itself', async () => {
    const { folder, links } = open()
    const file = put(join(folder, 'a.gguf'), model)
    await links.add(file)
    renameSync(file, join(folder, 'b.gguf'))
    expect(await links.list()).toMatchObject([{ file, present: false }])
    expect(await codeOf(links.relink(file, put(join(folder, 'c.gguf'), other)))).toBe('wrong-model')
    expect(await links.relink(file, join(folder, 'b.gguf'))).toMatchObject({
      name: 'tiny qwen2',
      present: true,
    })
    expect(await links.list()).toMatchObject([{ file: join(folder, 'b.gguf'), present: true }])
  })

  it('removing a link never deletes a file; a download goes only when that is asked', async () => {
    const { folder, downloads, links } = open()
    const linked = put(join(folder, 'a.gguf'), model)
    const own = put(join(downloads, 'm', 'b.gguf'), model)
    const extra = put(join(downloads, 'm', 'c.gguf'), other)
    await links.add(linked)
    await links.add(extra)
    await links.addDownloaded([own])
    await links.add(own)
    expect(await codeOf(links.addDownloaded([linked]))).toBe('bad-path')
    expect(await links.remove(linked, { deleteFiles: true })).toEqual([])
    // Linked by hand, although it is in Braid's folder.
    expect(await links.remove(extra, { deleteFiles: true })).toEqual([])
    expect([linked, own, extra].every(existsSync)).toBe(true)
    expect(await links.remove(own)).toEqual([])
    expect(existsSync(own)).toBe(true)
    await links.addDownloaded([own])
    expect(await links.remove(own, { deleteFiles: true })).toEqual([own])
    expect(existsSync(own)).toBe(false)
    expect(await links.list()).toEqual([])
  })

  it('a download that became a link to somewhere else is not deleted', async () => {
    const { folder, downloads, links } = open()
    const precious = put(join(folder, 'precious.gguf'), model)
    const own = put(join(downloads, 'b.gguf'), model)
    await links.addDownloaded([own])
    rmSync(own)
    symlinkSync(precious, own)
    expect(await links.remove(own, { deleteFiles: true })).toEqual([])
    expect(readFileSync(precious).equals(model)).toBe(true)
  })

  it('a damaged list is an empty one, and is kept beside the next; many changes at once are all kept', async () => {
    const { folder, data, links } = open()
    put(join(data, 'models.json'), '[{"file": 5}')
    expect(await links.list()).toEqual([])
    const files = Array.from({ length: 8 }, (_, i) => put(join(folder, `${i}.gguf`), model))
    await Promise.all(files.map((file) => links.add(file)))
    await Promise.all(files.slice(0, 3).map((file) => links.remove(file)))
    expect((await links.list()).map(({ file }) => file).sort()).toEqual(files.slice(3))
    expect(readFileSync(join(data, 'models.json.damaged'), 'utf8')).toBe('[{"file": 5}')
  })

  it('reads the lists of earlier versions, and changes them to its own', async () => {
    for (const old of [
      (models: unknown[]) => models,
      (models: unknown[]) => ({ version: 1, models }),
    ]) {
      const { folder, data, links } = open()
      const file = put(join(folder, 'a.gguf'), model)
      put(
        join(data, 'models.json'),
        JSON.stringify(old([{ file, name: 'old', sizeBytes: model.length }])),
      )
      expect(await links.list()).toEqual([
        {
          file,
          name: 'old',
          sizeBytes: model.length,
          origin: 'link',
          bundled: false,
          present: true,
        },
      ])
      renameSync(file, join(folder, 'b.gguf'))
      expect(await links.relink(file, join(folder, 'b.gguf'))).toMatchObject({
        name: 'tiny qwen2',
        present: true,
      })
      expect(JSON.parse(readFileSync(join(data, 'models.json'), 'utf8'))).toMatchObject({
        version: 2,
        models: [{ name: 'tiny qwen2', origin: 'link' }],
      })
    }
  })

  it('a device is chosen a model, and outlives adding it again and moving it', async () => {
    const { folder, data, links } = open()
    const file = put(join(folder, 'a.gguf'), model)
    await links.add(file)
    await links.setDevice(file, 'Vulkan0')
    await links.add(file)
    renameSync(file, join(folder, 'b.gguf'))
    await links.relink(file, join(folder, 'b.gguf'))
    expect(await new ModelRegistry(data, () => []).device(join(folder, 'b.gguf'))).toBe('Vulkan0')
    await links.setDevice(join(folder, 'b.gguf'), null)
    expect(await links.device(join(folder, 'b.gguf'))).toBeUndefined()
  })

  it('a failed save leaves the old list and no partial file', async () => {
    const { folder, data, links } = open()
    await links.add(put(join(folder, 'a.gguf'), model))
    // A folder stands where the file would be renamed to.
    rmSync(join(data, 'models.json'))
    mkdirSync(join(data, 'models.json', 'x'), { recursive: true })
    expect(await codeOf(links.add(put(join(folder, 'b.gguf'), model)))).toBe('io')
    expect(readdirSync(data)).toEqual(['models.json'])
  })
})

describe('models that come with Braid', () => {
  const entry = (more: object) => ({
    id: 'a',
    name: 'A',
    licence: 'MIT',
    goodFor: { en: 'tests', zh: '测试' },
    parallel: true,
    ...more,
  })

  it('come first, and only those that are there; other keys of the manifest are kept', async () => {
    const folder = fresh()
    const file = put(join(folder, 'in.gguf'), model)
    const manifest = put(
      join(folder, 'manifest.json'),
      JSON.stringify({
        models: [
          entry({
            file: 'in.gguf',
            sizeBytes: model.length,
            sha256: 'ab'.repeat(32),
            data: { seed: 1 },
            measured: { rows: [1] },
          }),
          entry({ id: 'b', file: 'gone.gguf' }),
          entry({ id: 'c', repo: 'org/m', kind: 'gguf', choice: 'Q8_0' }),
        ],
      }),
    )
    expect(readManifest(manifest)[0]).toMatchObject({ data: { seed: 1 }, measured: { rows: [1] } })
    expect(readCatalogue(manifest).map(({ id }) => id)).toEqual(['c'])
    const links = new ModelRegistry(join(folder, 'data'), () => bundledModels(manifest))
    const outside = put(join(folder, 'outside.gguf'), model)
    await links.add(outside)
    await links.setDevice(file, 'cpu')
    expect(await links.list()).toMatchObject([
      { name: 'A', bundled: true, origin: 'bundled', present: true, file, device: 'cpu' },
      { file: outside, bundled: false, origin: 'link' },
    ])
    expect(await links.remove(file, { deleteFiles: true })).toEqual([])
    expect(existsSync(file)).toBe(true)
  })

  it.each([
    ['a path out of the folder', entry({ file: '../in.gguf' })],
    ['neither file nor repository', entry({})],
    ['both', entry({ file: 'in.gguf', repo: 'org/m', kind: 'gguf' })],
    ['no licence', { ...entry({ file: 'in.gguf' }), licence: undefined }],
  ])('a manifest with %s is refused, and nothing is bundled', (_, bad) => {
    const folder = fresh()
    put(join(folder, 'in.gguf'), model)
    const manifest = put(join(folder, 'manifest.json'), JSON.stringify({ models: [bad] }))
    expect(() => readManifest(manifest)).toThrow(/cannot be read/)
    expect(bundledModels(manifest)).toEqual([])
  })

  it('the manifest of this copy of Braid is whole', () => {
    const models = readManifest()
    expect(models.length).toBeGreaterThan(3)
    expect(new Set(models.map(({ id }) => id)).size).toBe(models.length)
    expect(models.filter(({ repo }) => repo === 'Leslie04/ParaThinker-1.5B')).toMatchObject([
      { kind: 'folder', parallel: true },
    ])
  })
})

/** Two files of one model, as llama-gguf-split makes them. */
function split(): [Buffer, Buffer] {
  const parts = tinyParts()
  const keys = (no: number) => ({
    'split.no': { type: 'u16' as const, value: no },
    'split.count': { type: 'u16' as const, value: 2 },
    'split.tensors.count': { type: 'i32' as const, value: parts.tensors.length },
  })
  return [
    encodeGguf({ ...parts.metadata, ...keys(0) }, parts.tensors.slice(0, 3)),
    encodeGguf(keys(1), parts.tensors.slice(3)),
  ]
}
function tinyParts() {
  const zeros = (name: string, ...shape: number[]): Tensor => ({
    name,
    shape,
    type: 'f32',
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
  })
  const u32 = (value: number) => ({ type: 'u32' as const, value })
  const str = (value: string) => ({ type: 'string' as const, value })
  return {
    metadata: {
      'general.architecture': str('llama'),
      'general.name': str('split'),
      'llama.block_count': u32(1),
      'llama.context_length': u32(64),
      'llama.embedding_length': u32(8),
      'llama.feed_forward_length': u32(8),
      'llama.attention.head_count': u32(2),
      'tokenizer.ggml.model': str('gpt2'),
      'tokenizer.ggml.tokens': {
        type: 'array' as const,
        of: 'string' as const,
        values: ['a', 'b'],
      },
    },
    tensors: [
      zeros('token_embd.weight', 8, 2),
      zeros('output_norm.weight', 8),
      zeros('blk.0.attn_norm.weight', 8),
      zeros('blk.0.attn_q.weight', 8, 8),
      zeros('blk.0.ffn_up.weight', 8, 8),
    ],
  }
}
