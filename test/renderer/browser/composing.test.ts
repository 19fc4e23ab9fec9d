/** The composer and the box below an answer, in a real browser over a host in memory. */
import { describe, expect, test, vi } from 'vitest'
import type { Page } from 'playwright-core'
import type { RunRequest } from '../../../engine/protocol/request.ts'
import type { handle } from '../harness/main.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 90_000 })

type Handle = typeof handle
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })
const harness = harnessForTests()

/** The requests of the runs that were started. */
const started = (page: Page): Promise<RunRequest[]> =>
  page.evaluate(() =>
    (window as never as { harness: Handle }).harness.fake.calls
      .filter(({ method }) => method === 'run.start')
      .map(({ params }) => (params as { request: RunRequest }).request),
  )
/** Lets runs start: each start shows the run `balls`. */
const letStart = (page: Page): Promise<void> =>
  page.evaluate(() => {
    ;(window as never as { harness: Handle }).harness.fake.onStart = () => 'balls'
  })
const paste = (page: Page, selector: string, text: string): Promise<void> =>
  page.locator(selector).evaluate((el, text) => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', text)
    el.dispatchEvent(
      new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }),
    )
  }, text)

describe.skipIf(CHROMIUM === undefined)('composing', () => {
  test('a number out of range stays with its range, starts nothing, and is shown when Start is pressed', async () => {
    const page = await openPage(harness, '#/')
    await letStart(page)
    const paths = page.getByLabel('Paths', { exact: true })
    await page.getByLabel('Problem', { exact: true }).fill('What?')
    await soon(() => paths.isEnabled()).toBe(true)
    await paths.fill('500')
    await page.getByLabel('Problem', { exact: true }).focus()
    expect(await paths.inputValue()).toBe('500')
    expect(await page.locator('.compose-main').textContent()).toContain(
      'Enter a number from 1 to 64',
    )
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await soon(() => paths.evaluate((el) => el === document.activeElement)).toBe(true)
    expect(await started(page)).toEqual([])
    await paths.fill('5')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await soon(async () => (await started(page)).map(({ settings }) => settings.paths)).toEqual([5])
    await page.context().close()
  })

  test('memory is told in a word while it fits; a problem beyond the context is refused with both numbers', async () => {
    const page = await openPage(harness, '#/')
    await page.evaluate(() => {
      const { fake } = (window as never as { harness: Handle }).harness
      fake.fit = { ...fake.fit, positions: 8192 }
    })
    await page.getByLabel('Problem', { exact: true }).fill('word '.repeat(20_029))
    const fit = page.locator('.fit')
    await soon(() => fit.locator('[role=alert]').textContent()).toBe(
      'The problem has 25,053 tokens, but this model can read at most 8,192. Shorten the problem.',
    )
    const start = page.getByRole('button', { name: 'Start', exact: true })
    expect(await start.getAttribute('aria-disabled')).toBe('true')
    await page.getByLabel('Problem', { exact: true }).fill('What?')
    await soon(() => start.getAttribute('aria-disabled')).toBe('false')
    expect(await fit.textContent()).toBe('Fits')
    expect(await page.locator('.context-meter').textContent()).toMatch(/of context$/)
    await page.locator('.advanced > summary').click()
    await page.locator('.fit-parts').getByText('KV cache').waitFor()
    await page.getByLabel('KV cache').selectOption('q8_0')
    await page.locator('.fit-tools').getByText('needs flash attention').waitFor()
    await page.context().close()
  })

  test('a question outside the bundled game offers models that fit, with sizes, before Start and offline', async () => {
    const page = await openPage(harness, '#/')
    const problem = page.getByLabel('Problem', { exact: true })
    const warning = page.locator('[data-notice="outside-game"]')
    await problem.fill('Make 66 from 13, 15, 18 and 20.')
    expect(await warning.count()).toBe(0)
    await problem.fill('Where do swallows spend the winter?')
    // What does not fit is not offered.
    await soon(() => warning.locator('li strong').allTextContents()).toEqual(['Qwen3 0.6B'])
    expect(await warning.locator('li').textContent()).toContain('about 610 MiB')
    expect(await warning.locator('[data-fit]').getAttribute('data-fit')).toBe('fits')
    await warning.getByRole('button', { name: 'Get a model …' }).waitFor()
    const got = () =>
      page.evaluate(() =>
        (window as never as { harness: Handle }).harness.fake.calls
          .filter(({ method }) => /^models\.(offer|search|get)$/.test(method))
          .map(({ method, params }) => [method, params]),
      )
    expect(await got()).toEqual([])
    await warning.getByRole('button', { name: 'Download Qwen3 0.6B' }).click()
    const recommended = page.getByRole('heading', { name: 'Recommended models' })
    await recommended.waitFor()
    expect(await got()).toEqual([['models.get', { ref: 'qwen3-0.6b' }]])
    await page.locator('.catalogue-row').getByText('about 4.68 GiB').waitFor()
    // What such a run says at its end leads there, too.
    await page.goto(`${page.url().split('#')[0]}#/run/balls`)
    await page.locator('[data-run-view]').waitFor()
    await page.evaluate(() => {
      const { fake } = (window as never as { harness: Handle }).harness
      const event = {
        type: 'notice',
        at: 9e4,
        code: 'scope',
        params: { scope: 'It plays a game.' },
      }
      fake.push({ kind: 'events', run: 'balls', events: [event] })
    })
    const notice = page.locator('[data-notice="scope"]')
    expect(await notice.textContent()).toContain('About this model: It plays a game.')
    await notice.getByRole('button', { name: 'Get a model …' }).click()
    await recommended.waitFor()
    await page.context().close()
  })

  test('files and long pastes are attached with their tokens, and stand below the question in fences', async () => {
    const page = await openPage(harness, '#/')
    await letStart(page)
    await page.getByLabel('Problem', { exact: true }).fill('What does it print?')
    await page.locator('.composer input[type=file]').setInputFiles([
      { name: 'a.py', mimeType: 'text/x-python', buffer: Buffer.from('print("```")\n') },
      { name: 'b.bin', mimeType: 'application/octet-stream', buffer: Buffer.from([0, 1, 255]) },
    ])
    await page.locator('.toast').getByText('b.bin is not a text file.').waitFor()
    await paste(page, '#problem', 'x'.repeat(5000))
    const chips = page.locator('.attachment')
    await soon(() => chips.count()).toBe(2)
    await soon(() => chips.first().locator('[data-tokens]').getAttribute('data-tokens')).toBe('4')
    expect(await page.getByLabel('Problem', { exact: true }).inputValue()).toBe(
      'What does it print?',
    )
    await chips.nth(1).getByRole('button', { name: 'Remove Pasted text' }).click()
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await soon(async () => (await started(page)).map(({ problem }) => problem)).toEqual([
      'What does it print?\n\na.py:\n````py\nprint("```")\n````',
    ])
    await page.context().close()
  })

  test('the box below the answer asks with the settings of its run and another seed', async () => {
    const page = await openPage(harness, '#/run/balls')
    await letStart(page)
    const ask = page.getByRole('textbox', { name: 'Ask a follow-up' })
    await ask.fill('And three balls?')
    await paste(page, '#ask', 'y'.repeat(5000))
    await soon(() => page.locator('.ask .attachment').count()).toBe(1)
    await ask.press('Shift+Enter')
    expect(await started(page)).toEqual([])
    await ask.press('Enter')
    await soon(async () => (await started(page)).length).toBe(1)
    const [request] = await started(page)
    expect(request!.problem).toMatch(/^And three balls\?\n\nPasted text:\n```\ny{5000}\n```$/)
    expect(request!.followUp).toEqual({ run: 'balls', segment: 's1' })
    expect(request!.settings).toMatchObject({ paths: 4, budget: 512, question: 'auto' })
    expect(request!.settings.seed).toBeUndefined()
    await soon(() => ask.inputValue()).toBe('')
    await page.context().close()
  })

  test('preset and system prompt stand under the answer, and are changed there for the next turn', async () => {
    const page = await openPage(harness, '#/run/balls')
    await page.evaluate(() => {
      const { fake } = (window as never as { harness: Handle }).harness
      fake.onStart = () => 'live'
    })
    const line = page.locator('.ask-facts')
    await soon(() => line.textContent()).toContain('no system prompt')
    await line.click()
    const fields = page.locator('.ask-fields')
    await fields.getByLabel('System prompt').fill('Answer in one sentence.')
    await fields.getByLabel('Preset', { exact: true }).selectOption('Majority of eight')
    await soon(() => line.textContent()).toContain(
      'Majority of eight · 8 paths, 2,048 tokens per path · system prompt: Answer in one sentence.',
    )
    const ask = page.getByRole('textbox', { name: 'Ask a follow-up' })
    await ask.fill('And three balls?')
    await ask.press('Enter')
    await soon(async () => (await started(page)).length).toBe(1)
    const [request] = await started(page)
    expect(request!.settings).toMatchObject({
      strategy: 'majority',
      paths: 8,
      system: 'Answer in one sentence.',
      question: 'auto',
    })
    await page.context().close()
  })

  test('a model whose file is gone says so; none answers in its place', async () => {
    const page = await openPage(harness, '#/')
    await page.getByLabel('Problem', { exact: true }).fill('What?')
    await page.evaluate(() => {
      const { fake, usePrefs } = (window as never as { harness: Handle }).harness
      const [entry] = fake.models
      fake.models = [
        { ...entry!, present: false },
        { ...entry!, file: '/models/other.gguf', name: 'Other' },
      ]
      usePrefs.setState({ model: entry!.file })
      fake.push({ kind: 'changed', what: 'models' })
    })
    await page.locator('.composer').getByText('is not there. Locate it under Models').waitFor()
    const start = page.getByRole('button', { name: 'Start', exact: true })
    expect(await start.getAttribute('aria-disabled')).toBe('true')
    await page.locator('.picker').click()
    await page.getByPlaceholder('Search your models').fill('oth')
    await page.getByRole('option', { name: /^Other/ }).click()
    await soon(() => start.getAttribute('aria-disabled')).toBe('false')
    await page.context().close()
  })

  test('a run that a client asked for shows the turns that the client brought along, and its name', async () => {
    const page = await openPage(harness, '#/run/asked', { scene: 'client' })
    const turn = page.locator('.turn')
    await soon(() => turn.count()).toBe(1)
    expect(await turn.locator('.turn-question').textContent()).toBe('Is this <b>bold</b>?')
    expect(await turn.locator('strong').textContent()).toBe('plain')
    await page.goto(`${page.url().split('#')[0]}#/history`)
    await page.locator('.history-row').getByText('Chat/1.0').waitFor()
    await page.context().close()
  })

  test('200 turns of a conversation are there in half a second, the last ones with their answers', async () => {
    const page = await openPage(harness, '#/', { scene: 'thread&turns=200' })
    await soon(() => page.locator('.sidebar-row').count()).toBe(1)
    const took = await page.evaluate(async () => {
      const begin = performance.now()
      location.hash = '#/run/turn200'
      while (document.querySelectorAll('.turn').length < 199)
        await new Promise((next) => requestAnimationFrame(next))
      return performance.now() - begin
    })
    console.log(`199 earlier turns were drawn in ${Math.round(took)} ms`)
    await soon(async () =>
      (await page.locator('[data-turn="turn199"] .turn-answer').textContent())!.includes('22'),
    ).toBe(true)
    expect(await page.locator('[data-turn="turn1"] .turn-answer .block').count()).toBe(0)
    await page.context().close()
  })
})
