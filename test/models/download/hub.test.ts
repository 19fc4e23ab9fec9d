import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  chooseFor,
  getFiles,
  look,
  Net,
  parseHubRef,
  planOf,
  readRepo,
  searchHub,
  wantedFiles,
} from '../../../engine/models/download/index.ts'
import { choicesOf, isPlainPath } from '../../../engine/models/download/hub.ts'
import { bytesOf, sha256 } from './fault-server.ts'
import { closing, listen } from './support.ts'

const FILES: Record<string, Buffer> = {
  'model-Q4_K_M.gguf': bytesOf(5000, 1),
  'model-Q8_0.gguf': bytesOf(9000, 2),
  'mmproj-F16.gguf': bytesOf(10),
  'big-F16-00001-of-00002.gguf': bytesOf(4000, 3),
  'big-F16-00002-of-00002.gguf': bytesOf(3000, 4),
  'cut-Q2_K-00001-of-00003.gguf': bytesOf(10),
  'config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{}'),
  'model.safetensors': bytesOf(70, 5),
  'train.py': Buffer.from('x'),
}
let server: Server
let net: Net
const folder = mkdtempSync(join(tmpdir(), 'braid-hub-'))

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x')
    const json = (value: unknown, headers: Record<string, string> = {}) =>
      response
        .writeHead(200, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value))
    if (request.headers.authorization !== 'Bearer secret' && url.pathname.includes('gated')) {
      response.writeHead(401).end()
      return
    }
    if (url.pathname === '/api/models')
      return json(
        url.searchParams.get('search') === 'odd'
          ? { error: 'odd' }
          : [
              { id: 'org/model-GGUF', downloads: 12, gated: false, extra: 1 },
              { id: 'org/gated-GGUF', downloads: 3, gated: 'manual' },
              { id: '../../evil', downloads: 9 },
              { id: `of/${url.search.slice(1).replace(/[^\w]/g, '-')}` },
            ],
      )
    if (/^\/api\/models\/org\/(model|gated)(\/revision\/main)?$/.test(url.pathname))
      return json({
        sha: 'abc123',
        gated: url.pathname.includes('gated') ? 'manual' : false,
        cardData: { license: 'mit' },
      })
    if (url.pathname.startsWith('/api/models/org/') && url.pathname.endsWith('/tree/abc123')) {
      const entries = [
        ...Object.entries(FILES).map(([path, bytes]) => ({
          type: 'file',
          path,
          size: bytes.length,
          ...(path.endsWith('.gguf') && { lfs: { oid: sha256(bytes), size: bytes.length } }),
        })),
        { type: 'file', path: '../evil.gguf', size: 5 },
      ]
      const second = url.searchParams.get('cursor') === '2'
      return json(
        second ? entries.slice(4) : entries.slice(0, 4),
        second ? {} : { link: `<${url.pathname}?recursive=true&cursor=2>; rel="next"` },
      )
    }
    const file = FILES[decodeURIComponent(url.pathname.split('/resolve/abc123/')[1] ?? '')]
    if (!file) {
      response.writeHead(404).end()
      return
    }
    const range = /(\d+)-(\d+)/.exec(request.headers.range ?? '')
    const body = range ? file.subarray(Number(range[1]), Number(range[2]) + 1) : file
    response.writeHead(range ? 206 : 200, {
      etag: '"v"',
      'content-length': body.length,
      ...(range && {
        'content-range': `bytes ${range[1]}-${Number(range[1]) + body.length - 1}/${file.length}`,
      }),
    })
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  net = new Net({
    hub: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 'secret',
  })
})
afterAll(async () => {
  await net.close()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

describe('a hub below a path', () => {
  it.each(['hf', 'hf/', 'a/b//'])('/%s serves lists, pages and files', async (path) => {
    const seen: string[] = []
    const below = `/${path.replace(/\/+$/, '')}/`
    const mirror = createServer((request, response) => {
      seen.push(request.url!)
      if (!request.url!.startsWith(below)) return response.writeHead(404).end()
      const to = new URL(request.url!.slice(below.length), net.hub)
      return void fetch(to, {
        headers: { authorization: request.headers.authorization ?? '' },
      }).then(async (answer) => {
        // As mirrors do: the next page is named as the hub named it, with the hub's host.
        const link = answer.headers.get('link')?.replace('<', '<https://huggingface.co')
        response.writeHead(answer.status, { ...(link && { link }) })
        response.end(Buffer.from(await answer.arrayBuffer()))
      })
    })
    const origin = `http://127.0.0.1:${await listen(mirror)}`
    vi.stubEnv('HF_ENDPOINT', `${origin}/${path}`)
    const there = new Net({ token: 'secret' })
    closing.push(() => there.close())
    const found = await look(there, `${origin}${below}org/model/resolve/main/model-Q8_0.gguf`, [])
    expect(found).toMatchObject({ chosen: { name: 'Q8_0' } })
    if (found.kind !== 'repo') throw new Error('not a repository')
    expect(found.repo.choices).toHaveLength(4)
    const { files } = planOf(there, found)
    expect(files[0]!.url).toBe(`${origin}${below}org/model/resolve/abc123/model-Q8_0.gguf`)
    const [file] = await getFiles(there, join(folder, path), files)
    expect(readFileSync(file!).equals(FILES['model-Q8_0.gguf']!)).toBe(true)
    expect(seen.every((url) => url.startsWith(below))).toBe(true)
    // Beside the hub's path are other sites.
    expect(parseHubRef(`${origin}/org/model`, there.hub)).toBeUndefined()
  })

  it('an empty HF_ENDPOINT is none', () => {
    vi.stubEnv('HF_ENDPOINT', '')
    expect(new Net().hub.href).toBe('https://huggingface.co/')
  })
})

describe('a search by name', () => {
  it('returns repositories with GGUF files; what is not a name of one is left out', async () => {
    expect(await searchHub(net, 'qwen 3')).toEqual([
      { repo: 'org/model-GGUF', downloads: 12, gated: false },
      { repo: 'org/gated-GGUF', downloads: 3, gated: true },
      {
        repo: 'of/search-qwen-3-filter-gguf-sort-downloads-direction--1-limit-30',
        downloads: 0,
        gated: false,
      },
    ])
  })

  it('an answer that is not a list is an error', async () => {
    await expect(searchHub(net, 'odd')).rejects.toMatchObject({ code: 'io' })
  })
})

describe('what a repository offers', () => {
  it('of a whole file and of shards: the whole file alone', () => {
    const names = [
      'config.json',
      'tokenizer.json',
      'special_tokens_map.json',
      'model.safetensors',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]
    const [choice] = choicesOf(names.map((path) => ({ path, size: 1 })))
    expect(choice!.files.map(({ path }) => path)).toEqual(names.slice(0, 4))
  })

  it('of an adapter: its name', async () => {
    const server = createServer((request, response) =>
      response.end(
        JSON.stringify(
          request.url!.includes('/tree/')
            ? [
                { type: 'file', path: 'adapter_config.json', size: 5 },
                { type: 'file', path: 'adapter_model.safetensors', size: 5 },
              ]
            : { sha: 'abc' },
        ),
      ),
    )
    const there = new Net({ hub: `http://127.0.0.1:${await listen(server)}` })
    await expect(readRepo(there, { repo: 'org/lora' })).rejects.toMatchObject({
      code: 'wrong-model',
      message: expect.stringMatching(/PEFT adapter.*merged/) as string,
    })
  })
})

describe('a reference to the hub', () => {
  const hub = new URL('https://huggingface.co')
  it.each([
    ['org/name', { repo: 'org/name' }],
    [' org/name:Q4_K_M ', { repo: 'org/name', quantisation: 'Q4_K_M' }],
    ['https://huggingface.co/org/name', { repo: 'org/name' }],
    ['https://huggingface.co/org/name/tree/main', { repo: 'org/name', revision: 'main' }],
    [
      'https://huggingface.co/org/name/resolve/main/sub/x.gguf?download=true',
      { repo: 'org/name', revision: 'main', path: 'sub/x.gguf' },
    ],
    ['org/name:sub/x-Q4_K_M', { repo: 'org/name', quantisation: 'sub/x-Q4_K_M' }],
    ['https://hf.co/org/name/blob/v1/x.gguf', { repo: 'org/name', revision: 'v1', path: 'x.gguf' }],
    ['https://example.org/x.gguf', undefined],
  ])('%s', (text, expected) => expect(parseHubRef(text, hub)).toEqual(expected))
  it.each([
    '../etc',
    'org',
    'file:///x',
    'https://huggingface.co/a',
    'https://user:pass@huggingface.co/org/name',
  ])('%s is refused', (text) => expect(() => parseHubRef(text, hub)).toThrow())
})

describe('a repository', () => {
  it('offers its quantisations by size, split ones as one, incomplete and foreign ones not, and its folder', async () => {
    const repo = await readRepo(net, { repo: 'org/model' })
    expect(repo).toMatchObject({ revision: 'abc123', licence: 'mit', gated: false })
    expect(
      repo.choices.map(({ kind, name, files, sizeBytes }) => [kind, name, files.length, sizeBytes]),
    ).toEqual([
      ['gguf', 'Q4_K_M', 1, 5000],
      ['gguf', 'F16', 2, 7000],
      ['gguf', 'Q8_0', 1, 9000],
      ['folder', 'safetensors', 3, 74],
    ])
    expect(chooseFor({ repo: 'org/model', quantisation: 'q8_0' }, repo)?.sizeBytes).toBe(9000)
    expect(
      chooseFor({ repo: 'org/model', path: 'big-F16-00002-of-00002.gguf' }, repo)?.files,
    ).toHaveLength(2)
    expect(chooseFor({ repo: 'org/model' }, repo)).toBeUndefined()
  })

  it('that is gated is read with a token, and says what to do without one', async () => {
    expect((await readRepo(net, { repo: 'org/gated' })).gated).toBe(true)
    const without = new Net({ hub: net.hub.href, token: '' })
    await expect(readRepo(without, { repo: 'org/gated' })).rejects.toMatchObject({
      code: 'io',
      message: expect.stringMatching(/gated.*token/) as string,
    })
    await expect(readRepo(without, { repo: 'org/none' })).rejects.toMatchObject({
      code: 'model-not-found',
    })
    await without.close()
  })

  it('names of published files give their quantisation', () => {
    const name = (path: string) => choicesOf([{ path, size: 1 }])[0]?.name
    expect(
      [
        'Qwen3-8B-Q4_K_M.gguf',
        'x.Q5_K_S.gguf',
        'DeepSeek-R1-IQ4_XS.gguf',
        'sub/model-bf16.gguf',
        'gpt-oss-20b-mxfp4.gguf',
        'plain.gguf',
        'm-Q8_0/m.gguf',
      ].map(name),
    ).toEqual(['Q4_K_M', 'Q5_K_S', 'IQ4_XS', 'BF16', 'MXFP4', 'plain', 'Q8_0'])
  })

  it('several files of one quantisation are told apart, and lie apart where their names are one', () => {
    const files = ['Q4_K_M/m.gguf', 'base-Q4_K_M/m.gguf', 'm-Q8_0.gguf'].map((path, i) => ({
      path,
      size: i,
    }))
    const repo = { repo: 'org/model', revision: 'abc123', gated: false, choices: choicesOf(files) }
    expect(repo.choices.map(({ name }) => name)).toEqual(['Q4_K_M/m', 'base-Q4_K_M/m', 'Q8_0'])
    const plan = (choice: string) =>
      planOf(net, { kind: 'repo', ref: { repo: 'org/model' }, repo }, choice)
    expect(
      repo.choices.map(({ name }) => `${plan(name).folder}/${plan(name).files[0]!.name}`),
    ).toEqual([
      'org--model/Q4_K_M/m.gguf',
      'org--model/base-Q4_K_M/m.gguf',
      'org--model/m-Q8_0.gguf',
    ])
    expect(chooseFor({ repo: 'org/model', quantisation: 'Q4_K_M' }, repo)).toBeUndefined()
    expect(chooseFor({ repo: 'org/model', quantisation: 'base-q4_k_m/m' }, repo)?.sizeBytes).toBe(1)
  })

  it('no path leads out of a folder', () => {
    expect(['a.gguf', 'sub/a.gguf', 'ünï.gguf'].every(isPlainPath)).toBe(true)
    expect(
      [
        '../a',
        '/a',
        'a/../b',
        'a\\b',
        'C:a',
        'a\0b',
        'con',
        'NUL.gguf',
        'a.',
        'a/',
        '',
        '.',
        'a\nb',
      ].filter(isPlainPath),
    ).toEqual([])
  })
})

describe('getting a model', () => {
  it('all files of it, whole; a second time none', async () => {
    const repo = await readRepo(net, { repo: 'org/model' })
    const split = repo.choices.find(({ name }) => name === 'F16')!
    const files = wantedFiles(net, repo, split)
    const paths = await getFiles(net, join(folder, 'split'), files)
    expect(paths.map((path) => readFileSync(path).length)).toEqual([4000, 3000])
    expect(await getFiles(net, join(folder, 'split'), files)).toEqual(paths)
    for (const other of ['other', bytesOf(3000, 99)]) {
      writeFileSync(paths[1]!, other)
      await expect(getFiles(net, join(folder, 'split'), files)).rejects.toMatchObject({
        code: 'bad-path',
      })
    }
    await expect(
      getFiles(net, folder, [{ url: files[0]!.url, name: '../x.gguf' }]),
    ).rejects.toMatchObject({ code: 'bad-path' })
  })
})

describe('an address', () => {
  const plan = async (text: string, sha?: string) =>
    planOf(net, await look(net, text, []), undefined, sha)

  it('of one part of a split model is that of all parts, whichever was given', async () => {
    const parts = await Promise.all(
      [1, 2].map((n) =>
        plan(`https://example.org/a%20b/m-0000${n}-of-00002.gguf?download=true`, 'AB'),
      ),
    )
    expect(parts[0]!.files).toEqual([
      {
        url: 'https://example.org/a%20b/m-00001-of-00002.gguf?download=true',
        name: 'm-00001-of-00002.gguf',
        sha256: 'ab',
      },
      {
        url: 'https://example.org/a%20b/m-00002-of-00002.gguf?download=true',
        name: 'm-00002-of-00002.gguf',
      },
    ])
    expect(parts[1]!.files.map(({ url }) => url)).toEqual(parts[0]!.files.map(({ url }) => url))
    expect(parts[1]!.folder).toBe(parts[0]!.folder)
    expect((await plan('https://example.org/a+b.gguf')).files[0]!.url).toBe(
      'https://example.org/a+b.gguf',
    )
  })

  it('has a folder of its own: a file of the same name from elsewhere is not taken for it', async () => {
    const [a, b] = await Promise.all(
      ['https://example.org/a/m.gguf', 'https://example.org/b/m.gguf'].map((text) => plan(text)),
    )
    expect(a!.folder).toMatch(/^example\.org--[0-9a-f]{12}$/)
    expect(a!.folder).not.toBe(b!.folder)
  })

  it.each(['https://example.org/100%.gguf', 'https://huggingface.co/org/na%me'])(
    '%s, with a % that says nothing, is refused with a reason',
    async (text) => {
      await expect(
        look(new Net({ hub: 'https://huggingface.co' }), text, []),
      ).rejects.toMatchObject({
        code: 'bad-request',
        message: expect.stringMatching(/%25/) as string,
      })
    },
  )
})
