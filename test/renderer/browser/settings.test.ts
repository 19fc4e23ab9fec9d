/** Settings, defaults, storage, and messages that come and go, in a real browser. */
import { describe, expect, test, vi } from 'vitest'
import type { handle } from '../harness/main.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 90_000 })

type Handle = typeof handle
const soon = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })
const harness = harnessForTests()

describe.skipIf(CHROMIUM === undefined)('settings and messages', () => {
  test('messages leave by themselves, errors later, unless pointed at; at most three, over nothing', async () => {
    const page = await openPage(harness, '#/run/balls', { width: 1024, height: 700 })
    await page.clock.install()
    await page.clock.pauseAt(Date.now() + 3_600_000)
    const shown = () => page.locator('.toast').allTextContents()
    const say = (...said: ['info' | 'bad', string][]) =>
      page.evaluate((all) => {
        const { toast } = (window as never as { harness: Handle }).harness
        for (const [kind, message] of all) toast({ kind, message: ['error.plain', { message }] })
      }, said)
    await say(['info', 'one'], ['info', 'two'], ['bad', 'three'], ['info', 'four'])
    await soon(shown).toEqual(['two', 'three', 'four'])
    const [main, toasts] = await Promise.all([
      page.locator('main').boundingBox(),
      page.locator('.toasts').boundingBox(),
    ])
    expect(main!.y + main!.height).toBeLessThanOrEqual(toasts!.y)
    await page.locator('.toast', { hasText: 'two' }).hover()
    await page.locator('.toast', { hasText: 'three' }).getByRole('button').focus()
    await page.clock.runFor(61_000)
    await soon(shown).toEqual(['two', 'three'])
    await page.mouse.move(0, 0)
    await page.clock.runFor(11_000)
    await soon(shown).toEqual(['three'])
    await page.locator('.toast button').blur()
    await page.clock.runFor(29_000)
    expect(await shown()).toEqual(['three'])
    await page.clock.runFor(2_000)
    await soon(shown).toEqual([])
    await page.context().close()
  })

  test('resetting all shortcuts can be undone', async () => {
    const page = await openPage(harness, '#/settings')
    const key = page.locator('[data-shortcut="app.history"] button').first()
    await key.click()
    await page.keyboard.press('Control+Shift+Y')
    await soon(() => key.textContent()).toBe('Ctrl+Shift+Y')
    await page.getByRole('button', { name: 'Reset all', exact: true }).click()
    await soon(() => key.textContent()).toBe('Alt+H')
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click()
    await soon(() => key.textContent()).toBe('Ctrl+Shift+Y')
    await page.context().close()
  })

  test('a new run begins with the defaults; what is set beside the question comes first, until it is reset', async () => {
    const page = await openPage(harness, '#/settings')
    const section = page.getByRole('region', { name: 'New runs' })
    await section.getByLabel('Paths', { exact: true }).fill('3')
    await section.getByLabel('Threads', { exact: true }).fill('2')
    await section.getByLabel('System prompt').fill('Answer in one sentence.')
    await page.goto(`${page.url().split('#')[0]}#/`)
    const paths = page.getByLabel('Paths', { exact: true })
    await page.locator('.advanced > summary').click()
    await soon(() => paths.inputValue()).toBe('3')
    expect(await page.getByLabel('System prompt').inputValue()).toBe('Answer in one sentence.')
    const threads = page.getByLabel('Threads', { exact: true })
    expect(await threads.inputValue()).toBe('2')
    await paths.fill('5')
    await threads.fill('')
    expect(await threads.getAttribute('placeholder')).toBe('automatic')
    const asked = () =>
      page.evaluate(() =>
        (window as never as { harness: Handle }).harness.fake.calls
          .filter(({ method }) => method === 'models.fit')
          .map(({ params }) => (params as { settings: object }).settings)
          .at(-1),
      )
    await soon(asked).toEqual({
      paths: 5,
      system: 'Answer in one sentence.',
      engine: { threads: 0 },
    })
    await page.getByLabel('Preset', { exact: true }).selectOption('Quick look')
    await soon(() => paths.inputValue()).toBe('2')
    expect(await threads.inputValue()).toBe('2')
    await page.getByRole('button', { name: 'Reset to the defaults' }).click()
    await soon(() => paths.inputValue()).toBe('3')
    await page.context().close()
  })

  test('storage says what the folders take; emptying the trash asks first', async () => {
    const page = await openPage(harness, '#/settings')
    const part = (what: string) => page.locator(`[data-storage="${what}"]`)
    await soon(() => part('models').textContent()).toContain('2.33 GiB')
    expect(await part('runs').textContent()).toContain('/home/user/.local/share/braid/runs')
    const empty = page.getByRole('button', { name: 'Empty the trash' })
    await empty.click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    await empty.click()
    await page.getByRole('button', { name: 'Remove for good' }).click()
    await soon(() => page.locator('.toast').textContent()).toContain('2 runs removed for good')
    await soon(() => empty.isDisabled()).toBe(true)
    await page.context().close()
  })

  test('other programs may connect once that is switched on; the key is shown and copied when asked for', async () => {
    const page = await openPage(harness, '#/settings')
    const api = page.getByRole('region', { name: 'API' })
    expect(await api.getByText('http://127.0.0.1').count()).toBe(0)
    await api.getByLabel('Let them connect').check()
    await api.getByText('http://127.0.0.1:27243/v1').waitFor()
    const key = `braid-${'k'.repeat(43)}`
    expect(await api.textContent()).not.toContain(key)
    await api.getByRole('button', { name: 'Show' }).click()
    await api.getByText(key).waitFor()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await api.getByRole('button', { name: 'Copy: API key' }).click()
    await soon(() => page.evaluate(() => navigator.clipboard.readText())).toBe(key)
    await api.getByRole('button', { name: 'Copy: Base URL' }).click()
    await soon(() => page.evaluate(() => navigator.clipboard.readText())).toBe(
      'http://127.0.0.1:27243/v1',
    )
    // A port that is still being typed is not tried.
    const port = api.getByLabel('Port')
    await port.fill('4321')
    await api.getByText('http://127.0.0.1:27243/v1').waitFor()
    await port.fill('43210')
    await port.press('Enter')
    await api.getByText('http://127.0.0.1:43210/v1').waitFor()
    await api.getByLabel('Let them connect').uncheck()
    await soon(() => api.getByText('http://127.0.0.1').count()).toBe(0)
    await page.context().close()
  })

  test('removing a model asks; only what Braid downloaded can be deleted', async () => {
    const page = await openPage(harness, '#/models')
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Remove Qwen3 4B' }).click()
    await dialog.getByRole('button', { name: 'Delete the files (2.33 GiB)' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Remove Llama 3 8B' }).click()
    await dialog.getByText('Its file was linked, so it stays where it is.').waitFor()
    expect(await dialog.getByRole('button', { name: /^Delete/ }).count()).toBe(0)
    await dialog.getByRole('button', { name: 'Remove from list, keep the files' }).click()
    await soon(() => page.locator('.models .model-row').count()).toBe(2)
    await page.context().close()
  })

  test('settings without a use are hidden, and none stands for another by a number', async () => {
    const page = await openPage(harness, '#/')
    await page.locator('.advanced > summary').click()
    const field = (name: string) => page.getByLabel(name, { exact: true })
    await field('Device').selectOption('Vulkan0')
    await field('GPU layers').fill('')
    await field('GPU layers').blur()
    expect(await field('GPU layers').getAttribute('placeholder')).toBe('as many as fit')
    expect(await field('GPU layers').getAttribute('aria-invalid')).toBe('false')
    expect(await field('GPU layers').inputValue()).toBe('')
    expect(await field('Penalty window (tokens)').count()).toBe(0)
    await field('Repetition penalty').fill('1.2')
    await field('Penalty window (tokens)').waitFor()
    await field('Device').selectOption('CPU')
    await soon(() => field('GPU layers').count()).toBe(0)
    const labels = await page.locator('.advanced .label').allTextContents()
    expect(new Set(labels).size).toBe(labels.length)
    await page.context().close()
  })
})
