import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { places } from '../../../engine/models/link/places.ts'
import { findModels, scanFolder, scanOllama } from '../../../engine/models/link/scan.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-link-'))
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
      {
        file: join(folder, 'org', 'big', 'big-00001-of-00002.gguf'),
        name: 'org/big/big',
        sizeBytes: 5,
      },
      {
        file: join(folder, 'org', 'm-GGUF', 'm-Q4_K_M.gguf'),
        name: 'org/m-GGUF/m-Q4_K_M',
        sizeBytes: 4,
      },
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
    const manifest = (digest: string) =>
      JSON.stringify({
        layers: [
          {
            mediaType: 'application/vnd.ollama.image.license',
            digest: `sha256:${'00'.repeat(32)}`,
          },
          { mediaType: 'application/vnd.ollama.image.model', digest },
        ],
      })
    put(join(folder, 'blobs', `sha256-${hex}`), 'aaaa')
    put(
      join(folder, 'manifests', 'registry.ollama.ai', 'library', 'qwen3', '8b'),
      manifest(`sha256:${hex}`),
    )
    put(join(folder, 'manifests', 'hf.co', 'org', 'm-GGUF', 'Q4_K_M'), manifest(`sha256:${hex}`))
    put(
      join(folder, 'manifests', 'registry.ollama.ai', 'library', 'gone', 'latest'),
      manifest(`sha256:${'11'.repeat(32)}`),
    )
    put(
      join(folder, 'manifests', 'registry.ollama.ai', 'library', 'evil', 'latest'),
      manifest('sha256:../../../../etc/passwd'),
    )
    put(
      join(folder, 'manifests', 'registry.ollama.ai', 'library', 'torn', 'latest'),
      '{"layers": [',
    )
    expect((await scanOllama(folder)).map(({ name, file }) => [name, file])).toEqual([
      ['hf.co/org/m-GGUF:Q4_K_M', join(folder, 'blobs', `sha256-${hex}`)],
      ['qwen3:8b', join(folder, 'blobs', `sha256-${hex}`)],
    ])
    expect(
      await findModels([
        { program: 'ollama', folder },
        { program: 'jan', folder: join(folder, 'none') },
      ]),
    ).toHaveLength(1)
  })

  it('are looked for where each platform has them', () => {
    const at = (platform: NodeJS.Platform, env: NodeJS.ProcessEnv) =>
      places(env, platform).map(({ folder }) => folder)
    expect(
      at('linux', { HOME: '/home/u', OLLAMA_MODELS: '/big/ollama', HF_HOME: '/big/hf' }),
    ).toEqual(
      expect.arrayContaining([
        '/home/u/.lmstudio/models',
        '/big/ollama',
        '/home/u/.ollama/models',
        '/home/u/.local/share/Jan/data/llamacpp/models',
        '/big/hf/hub',
        '/home/u/.cache/llama.cpp',
      ]),
    )
    expect(at('darwin', { HOME: '/Users/u' })).toEqual(
      expect.arrayContaining([
        '/Users/u/Library/Application Support/Jan/data/llamacpp/models',
        '/Users/u/.cache/huggingface/hub',
      ]),
    )
    const moved = fresh()
    put(join(moved, '.lmstudio-home-pointer'), '/elsewhere/lmstudio\n')
    expect(at('linux', { HOME: moved })).toContain('/elsewhere/lmstudio/models')
  })
})
