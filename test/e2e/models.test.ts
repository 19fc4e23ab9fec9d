import {
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { writeHfFolder } from '../models/convert/hf-folder.ts'
import { sha256 } from '../models/download/fault-server.ts'
import { smolLM2 } from '../support/models.ts'
import { tinyModel } from '../support/tiny-models.ts'
import { Braid, CHROMIUM, SECONDS, type Window } from './support.ts'

const tiny = tinyModel({ shape: 'qwen2' }).gguf
/** The file that the fake hub serves, slowly. */
const RATE = 1_500_000
const big = tinyModel({ shape: 'llama', layers: 24, seed: 3 }).gguf

describe.skipIf(CHROMIUM === undefined)('models, in the window', () => {
  const root = mkdtempSync(join(tmpdir(), 'braid-e2e-models-'))
  const braid = new Braid()
  let window: Window
  let hub: Server
  let slow = true
  const asked: string[] = []
  const silent: ServerResponse[] = []
  const ranges: string[] = []

  beforeAll(async () => {
    hub = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://x')
      asked.push(pathname)
      if (searchParams.get('search') === 'silent') return silent.push(response)
      if (pathname === '/api/models')
        return response.end(JSON.stringify([{ id: 'org/slow', downloads: 1234 }]))
      if (pathname === '/api/models/org/slow')
        return response.end(JSON.stringify({ sha: 'main1', cardData: { license: 'mit' } }))
      if (pathname.endsWith('/tree/main1'))
        return response.end(
          JSON.stringify([
            {
              type: 'file',
              path: 'slow-Q8_0.gguf',
              size: big.length,
              lfs: { oid: sha256(big), size: big.length },
            },
            { type: 'file', path: 'slow-F16.gguf', size: 2 ** 42 },
          ]),
        )
      if (!pathname.endsWith('/slow-Q8_0.gguf')) return response.writeHead(404).end()
      const [, from = '0', to] = /bytes=(\d+)-(\d+)?/.exec(request.headers.range ?? '') ?? []
      const end = to === undefined ? big.length : Number(to) + 1
      if (request.headers.range !== undefined) {
        ranges.push(request.headers.range)
        response.writeHead(206, {
          etag: '"1"',
          'content-range': `bytes ${from}-${end - 1}/${big.length}`,
          'content-length': end - Number(from),
        })
      } else response.setHeader('content-length', big.length)
      const body = big.subarray(Number(from), end)
      let at = 0
      const step = () => {
        if (response.destroyed || at >= body.length) return response.end()
        const size = slow ? RATE / 50 : body.length
        response.write(body.subarray(at, (at += size)))
        setTimeout(step, 20)
      }
      step()
    })
    await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve))
    process.env.HF_ENDPOINT = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`
    await braid.start()
  })
  afterAll(async () => {
    await braid.close()
    delete process.env.HF_ENDPOINT
    hub.closeAllConnections()
    hub.close()
    rmSync(root, { recursive: true, force: true })
  })
  beforeEach(async () => {
    window = await braid.open()
  })
  afterEach(async () => {
    expect(window.trouble).toEqual([])
    await window.context.close()
  })

  const tab = async (name: string) => {
    await window.page.evaluate(() => {
      location.hash = '#/models'
    })
    await window.page.getByRole('radio', { name, exact: true }).click()
  }
  const add = async (path: string) => {
    await window.page.locator('#model-path').fill(path)
    await window.page.getByRole('button', { name: 'Add', exact: true }).click()
  }
  const row = (text: string) => window.page.locator('.models .model-row', { hasText: text })
  const put = (name: string, content: Buffer | string) => {
    mkdirSync(join(root, 'files'), { recursive: true })
    writeFileSync(join(root, 'files', name), content)
    return join(root, 'files', name)
  }

  test('link a file; a bad one is refused with the reason; a folder gives what is a model; forgetting leaves the file', async () => {
    await tab('Library')
    const { page } = window
    await row('Braid Numbers').first().waitFor()
    const withBraid = await page.locator('.models .model-row').count()
    const cut = put('cut.gguf', tiny.subarray(0, 3000))
    await add(cut)
    await page
      .getByRole('alert')
      .getByText(/ends in the middle of its header/)
      .waitFor()
    expect(await page.locator('.models .model-row').count()).toBe(withBraid)
    const a = put('a.gguf', tiny)
    await add(a)
    await row(a).waitFor()
    await page.locator('.facts-list').getByText('qwen2', { exact: true }).waitFor()
    expect(await row(a).locator('[data-fit]').getAttribute('data-fit')).toBe('fits')
    // The model's page shows the memory of a run, the chat template and the header.
    expect(await page.locator('.facts-list').textContent()).toMatch(
      /Memory needed.*tokens per path.*Control tokens.*<think1>.*Chat template.*Header SHA-256[0-9a-f]{64}/s,
    )
    await add(join(root, 'files'))
    await page.getByRole('alert').getByText('cut.gguf').waitFor()
    expect(await page.getByRole('alert').textContent()).toContain('1 already there, 1 not usable:')
    expect(await page.locator('.models .model-row').count()).toBe(withBraid + 1)
    const b = put('b.gguf', tinyModel({ shape: 'llama', seed: 2 }).gguf)
    await add(b)
    await row(b)
      .getByRole('button', { name: /^Remove/ })
      .click()
    await page.getByRole('dialog').getByText('it stays where it is').waitFor()
    expect(await page.getByRole('button', { name: /^Delete the files/ }).count()).toBe(0)
    await page.getByRole('button', { name: 'Remove from list, keep the files' }).click()
    await expect.poll(() => row(b).count()).toBe(0)
    expect(readFileSync(b).length).toBeGreaterThan(1000)
    expect(asked).toEqual([])
  })

  test('a moved file says so, and is pointed to again', async () => {
    const from = put('moved.gguf', tinyModel({ shape: 'llama', seed: 5 }).gguf)
    await tab('Library')
    await add(from)
    await row(from).waitFor()
    const to = join(root, 'files', 'elsewhere.gguf')
    renameSync(from, to)
    await window.page.reload()
    await tab('Library')
    await row(from).getByText('file not found').waitFor()
    await row(from).locator('.model-pick').click()
    await window.page.getByLabel('New path').fill(join(root, 'files', 'a.gguf'))
    await window.page.getByRole('button', { name: 'Locate file' }).click()
    await window.page
      .getByRole('alert')
      .getByText(/is not the model/)
      .waitFor()
    await window.page.getByLabel('New path').fill(to)
    await window.page.getByRole('button', { name: 'Locate file' }).click()
    await row(to).waitFor()
    expect(await row(from).count()).toBe(0)
  })

  test('convert a folder: progress, pause, cancel that leaves nothing, and one that is then used', async () => {
    const { page } = window
    await tab('Convert')
    const task = page.locator('.task-row')
    await page.getByLabel('Folder', { exact: true }).fill(largeFolder(join(root, 'large')))
    await page.getByLabel('Weight type').selectOption('q8_0')
    await page.getByRole('button', { name: 'Convert', exact: true }).click()
    await task.waitFor()
    await expect
      .poll(
        () =>
          page
            .locator('.task-row progress')
            .evaluate((bar) => (bar as unknown as { value: number }).value),
        { timeout: 60 * SECONDS, interval: 50 },
      )
      .toBeGreaterThan(0.02)
    await page.getByRole('button', { name: /^Pause/ }).click()
    await expect.poll(() => task.getAttribute('data-task')).toBe('paused')
    const models = join(braid.data, 'models')
    expect(readdirSync(models).filter((name) => name.endsWith('.gguf'))).toEqual([])
    expect(readdirSync(models)).toContain('large-q8_0.gguf.partial')
    await page.getByRole('button', { name: /^Resume/ }).click()
    await expect.poll(() => task.getAttribute('data-task')).toBe('running')
    await page.getByRole('button', { name: /^Cancel/ }).click()
    await expect.poll(() => task.count()).toBe(0)
    expect(readdirSync(models)).toEqual([])

    const { folder } = writeHfFolder(
      { architecture: 'qwen2', thoughts: 9, pairs: 8, released: true, dtype: 'BF16', shards: 2 },
      mkdtempSync(join(root, 'hf-')),
    )
    await page.getByLabel('Folder', { exact: true }).fill(folder)
    await page.getByLabel('Weight type').selectOption('f16')
    await page.getByRole('button', { name: 'Convert', exact: true }).click()
    await expect.poll(() => task.getAttribute('data-task')).toBe('done')
    await page.getByRole('button', { name: /^Clear/ }).click()
    await page.getByRole('radio', { name: 'Library' }).click()
    const made = row('-f16.gguf')
    await made.getByText('Downloaded').waitFor()
    await made.locator('.model-pick').click()
    await page.locator('.facts-list').getByText('9 rows').waitFor()
    await made.getByRole('button', { name: /^Remove/ }).click()
    await page.getByRole('button', { name: /^Delete the files/ }).click()
    await expect.poll(() => made.count()).toBe(0)
    expect(readdirSync(models)).toEqual([])
  })

  test('download: choices with sizes and whether they fit, pause, resume where it was, then it is on the list', async () => {
    const { page } = window
    await tab('Get models')
    await page
      .locator('.model-row', { hasText: 'ParaThinker 1.5B' })
      .getByText('Thinks in parallel')
      .waitFor()
    expect(asked).toEqual([])
    // Nothing waits for a hub that does not answer, and what it says too late is not shown.
    await page.getByLabel(/^Search Hugging Face/).fill('silent')
    await page.getByRole('button', { name: 'Look up' }).click()
    await expect.poll(() => silent.length).toBe(1)
    await page.getByRole('button', { name: 'Cancel' }).click()
    silent[0]!.end('[]')
    // Found by its name, which was typed where the model of a run is chosen, then looked at.
    await window.command('New run')
    await page.locator('.picker').click()
    await page.getByPlaceholder('Search your models').fill('slow')
    await page.getByRole('button', { name: 'Search Hugging Face for “slow”' }).click()
    await page.locator('.hub-found').getByText('1,234 downloads').waitFor()
    expect(await page.getByLabel(/^Search Hugging Face/).inputValue()).toBe('slow')
    // What was found stays while one looks elsewhere.
    await page.getByRole('radio', { name: 'Library' }).click()
    await page.getByRole('radio', { name: 'Get models' }).click()
    await page.getByRole('button', { name: 'Show sizes of org/slow' }).click()
    const choices = page.locator('.offer-list > li')
    await expect.poll(() => choices.count()).toBe(2)
    expect(await choices.nth(0).locator('[data-fit]').getAttribute('data-fit')).toBe('fits')
    expect(await choices.nth(1).locator('[data-fit]').getAttribute('data-fit')).toBe('wont-fit')
    await page.getByRole('button', { name: 'Download Q8_0' }).click()
    const task = page.locator('.task-row')
    await expect
      .poll(
        () =>
          page
            .locator('.task-row progress')
            .evaluate((bar) => (bar as unknown as { value: number }).value),
        { timeout: 60 * SECONDS, interval: 50 },
      )
      .toBeGreaterThan(0.05)
    await page.getByRole('button', { name: /^Pause/ }).click()
    await expect.poll(() => task.getAttribute('data-task')).toBe('paused')
    const file = join(braid.data, 'models', 'org--slow', 'slow-Q8_0.gguf')
    expect(existsSync(file)).toBe(false)
    // A new window, as after a restart of the page, still shows the task.
    await page.reload()
    await expect.poll(() => page.locator('.task-row').getAttribute('data-task')).toBe('paused')
    slow = false
    const before = ranges.length
    await page.getByRole('button', { name: /^Resume/ }).click()
    await expect.poll(() => task.getAttribute('data-task')).toBe('done')
    expect(readFileSync(file).equals(big)).toBe(true)
    expect(ranges.slice(before).some((range) => !range.startsWith('bytes=0-'))).toBe(true)
    await page.getByRole('radio', { name: 'Library' }).click()
    await row('slow-Q8_0.gguf').getByText('Downloaded').waitFor()
    await task.getByRole('button', { name: 'New run with this model' }).click()
    await expect.poll(() => page.locator('.picker').getAttribute('data-model')).toBe(file)
    await page.goBack()
    await page.getByRole('button', { name: /^Clear/ }).click()
  })

  test('the fit follows paths, budget and cache type; the most that fits is found', async () => {
    const { page } = window
    await tab('Library')
    await row('a.gguf').locator('.model-pick').click()
    await page.getByRole('button', { name: 'New run with this model' }).click()
    await window.openSettings()
    const total = async () =>
      Number(await page.locator('[data-fit-total]').getAttribute('data-fit-total'))
    await page.getByLabel('Paths', { exact: true }).fill('2')
    await page.getByLabel('Tokens per path', { exact: true }).fill('100000')
    await expect
      .poll(() => page.locator('.fit [data-fit]').getAttribute('data-fit'))
      .toMatch(/fits|slow/)
    await page.waitForTimeout(500)
    const two = await total()
    await page.getByLabel('Paths', { exact: true }).fill('4')
    await expect.poll(total).toBeGreaterThan(two * 1.3)
    const four = await total()
    await page.getByLabel('KV cache', { exact: true }).selectOption('q8_0')
    await expect.poll(total).toBeLessThan(four)
    await page.locator('.fit-tools').getByText('needs flash attention').waitFor()
    await page.getByLabel('KV cache', { exact: true }).selectOption('f32')
    await page.getByLabel('Tokens per path', { exact: true }).fill('1048576')
    await page.getByLabel('Paths', { exact: true }).fill('64')
    await page.getByText('Reuse control tokens').click()
    await expect
      .poll(() => page.locator('.fit [data-fit]').getAttribute('data-fit'), {
        timeout: 60 * SECONDS,
      })
      .toBe('wont-fit')
    expect(await page.locator('.fit').textContent()).toMatch(
      /Needs [\d.]+ [GTM]iB more memory\. Use fewer paths/,
    )
    // Start refuses the run; Start anyway does not.
    await page.getByLabel('Problem', { exact: true }).fill('too much')
    const start = page.getByRole('button', { name: 'Start', exact: true })
    expect([
      await start.getAttribute('aria-disabled'),
      await page.getByRole('button', { name: 'Start anyway' }).getAttribute('aria-disabled'),
    ]).toEqual(['true', 'false'])
    await page.getByRole('button', { name: 'Most paths that fit' }).click()
    await expect
      .poll(async () => Number(await page.getByLabel('Paths', { exact: true }).inputValue()))
      .toBeLessThan(64)
    await expect
      .poll(() => page.locator('.fit [data-fit]').getAttribute('data-fit'))
      .not.toBe('wont-fit')
    expect([
      await start.getAttribute('aria-disabled'),
      await page.getByRole('button', { name: 'Start anyway' }).count(),
    ]).toEqual(['false', 0])
    await page.getByLabel('Problem', { exact: true }).fill('')
    await page.getByRole('button', { name: 'Reset to the defaults' }).click()
  })

  test('switch models between runs without a restart: both stay in memory, the machine is shown while it works, unloading is too', async () => {
    const { page } = window
    await tab('Library')
    const other = await smolLM2()
    await add(other)
    await page.locator('.facts-list').getByText('llama', { exact: true }).waitFor()
    await expect.poll(() => page.locator('#model-path').inputValue()).toBe('')
    const use = async (name: string) => {
      await tab('Library')
      await row(name).locator('.model-pick').click()
      await page.getByRole('button', { name: 'New run with this model' }).click()
    }
    await use('a.gguf')
    await window.pose({ problem: 'one', paths: 2, budget: 16, summary: 8, finish: 'last' })
    await window.untilRun('ended')
    await use(other)
    await window.pose({
      problem: 'What is 2 + 2? Explain at length.',
      paths: 2,
      budget: 300,
      summary: 16,
      finish: 'last',
    })
    await page.locator('[data-hardware]').waitFor({ timeout: 60 * SECONDS })
    expect(await page.locator('[data-hardware]').textContent()).toMatch(
      /CPU \d+ %RAM [\d.]+ [GM]iB of [\d.]+ GiB/,
    )
    await window.untilTokens(2, 1) // the machine is shown from the load on
    await page.getByRole('button', { name: 'Stop all' }).click()
    await window.untilRun('ended')
    await expect
      .poll(() => page.locator('.status-bar').textContent())
      .toContain('2 models in memory')
    await use('a.gguf')
    await window.pose({ problem: 'three', paths: 2, budget: 16, summary: 8, finish: 'last' })
    await window.untilRun('ended')
    await tab('Devices')
    await page.getByRole('button', { name: /^Unload SmolLM2|^Unload Smol/i }).click()
    await expect
      .poll(() => page.locator('.status-bar').textContent())
      .toContain('1 model in memory')
    await page.locator('.device-row', { hasText: /^CPU/ }).first().waitFor()
  })
})

/** Makes a Qwen2 folder of about 100 million weights, all zero, as a sparse file, which takes no time. */
function largeFolder(folder: string): string {
  mkdirSync(folder)
  const layers = 12
  const [width, ff, heads, kvHeads, headDim] = [768, 3072, 12, 2, 64]
  const { config } = writeHfFolder({ architecture: 'qwen2', dtype: 'BF16', layers: 1 }, folder)
  const vocabulary = config.vocab_size as number
  const tensors: Record<string, number[]> = {
    'model.embed_tokens.weight': [vocabulary, width],
    'model.norm.weight': [width],
    'lm_head.weight': [vocabulary, width],
  }
  for (let i = 0; i < layers; i++) {
    const at = `model.layers.${i}`
    Object.assign(tensors, {
      [`${at}.input_layernorm.weight`]: [width],
      [`${at}.post_attention_layernorm.weight`]: [width],
      [`${at}.self_attn.q_proj.weight`]: [heads * headDim, width],
      [`${at}.self_attn.q_proj.bias`]: [heads * headDim],
      [`${at}.self_attn.k_proj.weight`]: [kvHeads * headDim, width],
      [`${at}.self_attn.k_proj.bias`]: [kvHeads * headDim],
      [`${at}.self_attn.v_proj.weight`]: [kvHeads * headDim, width],
      [`${at}.self_attn.v_proj.bias`]: [kvHeads * headDim],
      [`${at}.self_attn.o_proj.weight`]: [width, heads * headDim],
      [`${at}.mlp.gate_proj.weight`]: [ff, width],
      [`${at}.mlp.up_proj.weight`]: [ff, width],
      [`${at}.mlp.down_proj.weight`]: [width, ff],
    })
  }
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      ...config,
      hidden_size: width,
      intermediate_size: ff,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: kvHeads,
    }),
  )
  let offset = 0
  const header: Record<string, unknown> = {}
  for (const [name, shape] of Object.entries(tensors))
    header[name] = {
      dtype: 'BF16',
      shape,
      data_offsets: [offset, (offset += 2 * shape.reduce((a, b) => a * b, 1))],
    }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = openSync(join(folder, 'model.safetensors'), 'w')
  writeSync(file, Buffer.concat([length, json]))
  ftruncateSync(file, 8 + json.length + offset)
  closeSync(file)
  return folder
}
