import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findModels, ModelLinks, places, scanFolder, scanOllama } from '../../../engine/models/link/index.ts'
import { encodeGguf, type Tensor } from '../../support/gguf-writer.ts'
import { tinyModel } from '../../support/tiny-models.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-link-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0
const fresh = () => { const folder = join(root, String(count++)); mkdirSync(folder); return folder }
const put = (file: string, content: string | Buffer) => { mkdirSync(dirname(file), { recursive: true }); writeFileSync(file, content); return file }
const model = tinyModel({ shape: 'qwen2' }).gguf
const other = tinyModel({ shape: 'llama', seed: 2 }).gguf
const codeOf = (promise: Promise<unknown>) => promise.then(() => 'none', (error: { code: string }) => error.code)

describe('folders of other programs', () => {
  it('LM Studio and Jan: files in folders, a split model as one, no vision parts', async () => {
    const folder = fresh()
    put(join(folder, 'org', 'm-GGUF', 'm-Q4_K_M.gguf'), 'aaaa')
    put(join(folder, 'org', 'm-GGUF', 'mmproj-m-F16.gguf'), 'a')
    put(join(folder, 'org', 'big', 'big-00001-of-00002.gguf'), 'aa')
    put(join(folder, 'org', 'big', 'big-00002-of-00002.gguf'), 'aaa')
    put(join(folder, 'org', 'rest', 'rest-00002-of-00002.gguf'), 'aaa')
    put(join(folder, 'readme.md'), 'x')
    symlinkSync(folder, join(folder, 'loop'))
    expect(await scanFolder(folder)).toEqual([
      { file: join(folder, 'org', 'big', 'big-00001-of-00002.gguf'), name: 'org/big/big', sizeBytes: 5 },
      { file: join(folder, 'org', 'm-GGUF', 'm-Q4_K_M.gguf'), name: 'org/m-GGUF/m-Q4_K_M', sizeBytes: 4 },
    ])
  })

  it('the cache of Hugging Face: links to blobs, named by their repository', async () => {
    const folder = fresh()
    const blob = put(join(folder, 'models--org--m', 'blobs', 'abc'), 'aaaa')
    const link = join(folder, 'models--org--m', 'snapshots', 'a'.repeat(40), 'm.gguf')
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(blob, link)
    symlinkSync(join(folder, 'gone'), join(dirname(link), 'gone.gguf'))
    expect(await scanFolder(folder)).toEqual([{ file: link, name: 'org/m/m', sizeBytes: 4 }])
  })

  it('Ollama: manifests name blobs; damaged or hostile ones are left out', async () => {
    const folder = fresh()
    const hex = 'ab'.repeat(32)
    const manifest = (digest: string) => JSON.stringify({ layers: [{ mediaType: 'application/vnd.ollama.image.license', digest: `sha256:${'00'.repeat(32)}` }, { mediaType: 'application/vnd.ollama.image.model', digest }] })
    put(join(folder, 'blobs', `sha256-${hex}`), 'aaaa')
    put(join(folder, 'manifests', 'registry.ollama.ai', 'library', 'qwen3', '8b'), manifest(`sha256:${hex}`))
    put(join(folder, 'manifests', 'hf.co', 'org', 'm-GGUF', 'Q4_K_M'), manifest(`sha256:${hex}`))
    put(join(folder, 'manifests', 'registry.ollama.ai', 'library', 'gone', 'latest'), manifest(`sha256:${'11'.repeat(32)}`))
    put(join(folder, 'manifests', 'registry.ollama.ai', 'library', 'evil', 'latest'), manifest('sha256:../../../../etc/passwd'))
    put(join(folder, 'manifests', 'registry.ollama.ai', 'library', 'torn', 'latest'), '{"layers": [')
    expect((await scanOllama(folder)).map(({ name, file }) => [name, file])).toEqual([['hf.co/org/m-GGUF:Q4_K_M', join(folder, 'blobs', `sha256-${hex}`)], ['qwen3:8b', join(folder, 'blobs', `sha256-${hex}`)]])
    expect(await findModels([{ program: 'ollama', folder }, { program: 'jan', folder: join(folder, 'none') }])).toHaveLength(1)
  })

  it('are looked for where each platform has them', () => {
    const at = (platform: NodeJS.Platform, env: NodeJS.ProcessEnv) => places(env, platform).map(({ folder }) => folder)
    expect(at('linux', { HOME: '/home/u', OLLAMA_MODELS: '/big/ollama', HF_HOME: '/big/hf' })).toEqual(expect.arrayContaining(['/home/u/.lmstudio/models', '/big/ollama', '/home/u/.ollama/models', '/home/u/.local/share/Jan/data/llamacpp/models', '/big/hf/hub', '/home/u/.cache/llama.cpp']))
    expect(at('darwin', { HOME: '/Users/u' })).toEqual(expect.arrayContaining(['/Users/u/Library/Application Support/Jan/data/llamacpp/models', '/Users/u/.cache/huggingface/hub']))
    const moved = fresh()
    put(join(moved, '.lmstudio-home-pointer'), '/elsewhere/lmstudio\n')
    expect(at('linux', { HOME: moved })).toContain('/elsewhere/lmstudio/models')
  })
})

describe('the list', () => {
  const open = () => { const folder = fresh(); return { folder, downloads: join(folder, 'own'), links: new ModelLinks(join(folder, 'list', 'models.json'), join(folder, 'own')) } }

  it('holds files where they lie; what is no model is refused', async () => {
    const { folder, links } = open()
    const file = put(join(folder, 'a.gguf'), model)
    expect(await links.add(file)).toMatchObject({ file, name: 'tiny qwen2', sizeBytes: model.length, origin: 'link', present: true })
    await links.add(file)
    expect(await links.list()).toHaveLength(1)
    expect(await codeOf(links.add(put(join(folder, 'bad.gguf'), 'GGUF')))).toBe('bad-model')
    expect(await codeOf(links.add(join(folder, 'none.gguf')))).toBe('model-not-found')
    expect(await codeOf(links.add('a.gguf'))).toBe('bad-path')
    expect(await new ModelLinks(join(folder, 'list', 'models.json'), folder).list()).toHaveLength(1)
  })

  it('a folder: its models are added, the rest is told', async () => {
    const { folder, links } = open()
    put(join(folder, 'm', 'a.gguf'), model)
    put(join(folder, 'm', 'sub', 'b.gguf'), other)
    put(join(folder, 'm', 'broken.gguf'), 'nothing')
    const { added, refused } = await links.addFolder(join(folder, 'm'))
    expect(added.map(({ name }) => name)).toEqual(['a', 'sub/b'])
    expect(refused).toMatchObject([{ file: join(folder, 'm', 'broken.gguf'), code: 'bad-model' }])
    expect(await codeOf(links.addFolder(join(folder, 'none')))).toBe('model-not-found')
  })

  it('a split model is one, and its first part is what is opened', async () => {
    const { folder, links } = open()
    const [first, second] = split()
    put(join(folder, 's-00001-of-00002.gguf'), first)
    const part = put(join(folder, 's-00002-of-00002.gguf'), second)
    expect(await links.add(part)).toMatchObject({ file: join(folder, 's-00001-of-00002.gguf'), sizeBytes: first.length + second.length })
    rmSync(part)
    expect(await codeOf(links.add(join(folder, 's-00001-of-00002.gguf')))).toBe('model-not-found')
  })

  it('a moved file says so, and can be pointed to again, but only to itself', async () => {
    const { folder, links } = open()
    const file = put(join(folder, 'a.gguf'), model)
    await links.add(file, 'mine')
    renameSync(file, join(folder, 'b.gguf'))
    expect(await links.list()).toMatchObject([{ file, present: false }])
    expect(await codeOf(links.relink(file, put(join(folder, 'c.gguf'), other)))).toBe('wrong-model')
    expect(await links.relink(file, join(folder, 'b.gguf'))).toMatchObject({ name: 'mine', present: true })
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
    // Linked by hand, though it lies in Braid's folder.
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

  it('a damaged list is an empty one; many changes at once are all kept', async () => {
    const { folder, links } = open()
    put(join(folder, 'list', 'models.json'), '[{"file": 5}')
    expect(await links.list()).toEqual([])
    const files = Array.from({ length: 8 }, (_, i) => put(join(folder, `${i}.gguf`), model))
    await Promise.all(files.map((file) => links.add(file)))
    expect((await links.list()).map(({ file }) => file).sort()).toEqual(files)
  })
})

/** Two files of one model, as llama-gguf-split makes them. */
function split(): [Buffer, Buffer] {
  const parts = tinyParts()
  const keys = (no: number) => ({ 'split.no': { type: 'u16' as const, value: no }, 'split.count': { type: 'u16' as const, value: 2 }, 'split.tensors.count': { type: 'i32' as const, value: parts.tensors.length } })
  return [encodeGguf({ ...parts.metadata, ...keys(0) }, parts.tensors.slice(0, 3)), encodeGguf(keys(1), parts.tensors.slice(3))]
}
function tinyParts() {
  const zeros = (name: string, ...shape: number[]): Tensor => ({ name, shape, type: 'f32', data: new Float32Array(shape.reduce((a, b) => a * b, 1)) })
  const u32 = (value: number) => ({ type: 'u32' as const, value })
  const str = (value: string) => ({ type: 'string' as const, value })
  return {
    metadata: {
      'general.architecture': str('llama'), 'general.name': str('split'), 'llama.block_count': u32(1), 'llama.context_length': u32(64), 'llama.embedding_length': u32(8), 'llama.feed_forward_length': u32(8),
      'llama.attention.head_count': u32(2), 'tokenizer.ggml.model': str('gpt2'), 'tokenizer.ggml.tokens': { type: 'array' as const, of: 'string' as const, values: ['a', 'b'] },
    },
    tensors: [zeros('token_embd.weight', 8, 2), zeros('output_norm.weight', 8), zeros('blk.0.attn_norm.weight', 8), zeros('blk.0.attn_q.weight', 8, 8), zeros('blk.0.ffn_up.weight', 8, 8)],
  }
}
