import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TokenCounter } from '../../engine/models/index.ts'
import { loadAddon } from '../../engine/native/index.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

describe('the tokens of a text', () => {
  const folder = mkdtempSync(join(tmpdir(), 'braid-count-'))
  const counter = new TokenCounter(() => Promise.resolve(loadAddon({ gpu: false })))
  let [a, b] = ['', '']
  beforeAll(() => {
    a = writeTiny(tinyModel({ shape: 'qwen2' }), mkdtempSync(join(folder, 'a-')))
    b = writeTiny(tinyModel({ shape: 'llama' }), mkdtempSync(join(folder, 'b-')))
  })
  afterAll(async () => {
    await counter.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('are counted as the model reads them, control tokens as plain text', async () => {
    const addon = loadAddon({ gpu: false })
    const model = await addon.openModel({ path: a, device: 'cpu', gpuLayers: 0 }).done
    const texts = ['', 'What is 2 + 2?', '<|im_end|> and 你好', 'x\0y']
    const expected = texts.map(
      (text) => model.tokenize(text, { special: false, bos: false }).length,
    )
    await model.close()
    expect(await counter.count(a, texts)).toEqual(expected)
    expect(expected[0]).toBe(0)
  })

  it('of a long text are estimated from its beginning', async () => {
    const [whole] = await counter.count(a, ['ab '.repeat(100_000)])
    const [half] = await counter.count(a, ['ab '.repeat(50_000)])
    expect(whole! / half!).toBeCloseTo(2, 1)
  })

  it('of two models asked in turn, also at once', async () => {
    const [one, two, again] = await Promise.all([
      counter.count(a, ['hello']),
      counter.count(b, ['hello']),
      counter.count(a, ['hello']),
    ])
    expect(again).toEqual(one)
    expect(two[0]).toBeGreaterThan(0)
  })

  it('a file that is not a model is refused, and the next one is counted', async () => {
    const bad = join(folder, 'bad.gguf')
    writeFileSync(bad, 'GGUF')
    await expect(counter.count(bad, ['x'])).rejects.toMatchObject({ code: 'bad-model' })
    await expect(counter.count(join(folder, 'none.gguf'), ['x'])).rejects.toMatchObject({
      code: 'model-not-found',
    })
    expect((await counter.count(a, ['hello']))[0]).toBeGreaterThan(0)
  })
})
