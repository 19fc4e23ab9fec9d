/** What pointer and keyboard do to lanes and lists, in a real browser. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { CHROMIUM, openHarness, openPage, type Harness } from './page.ts'

vi.setConfig({ testTimeout: 90_000 })

let harness: Harness
beforeAll(async () => { if (CHROMIUM !== undefined) harness = await openHarness() }, 120_000)
afterAll(() => harness?.close())

describe.skipIf(CHROMIUM === undefined)('acting', () => {
  test('focus layout: the buttons of small lanes act, and a click makes a lane the large one', async () => {
    const page = await openPage(harness, '#/run/balls', { height: 560 })
    await page.keyboard.press('Alt+2')
    const main = page.locator('.lane.main')
    expect(await main.getAttribute('data-lane')).toBe('1')
    const box = (await main.boundingBox())!
    const others = await page.locator('.lane:not(.main)').evaluateAll((lanes) => lanes.map((lane) => lane.getBoundingClientRect().left))
    expect(others.every((left) => left > box.x + box.width)).toBe(true)
    await page.getByRole('button', { name: 'Actions on path 3' }).click()
    await page.getByRole('menuitem', { name: /^Copy path/ }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('[data-lane="4"] .stream-scroll').click()
    expect(await main.getAttribute('data-lane')).toBe('4')
    expect((await main.boundingBox())!).toEqual(box)
    expect(await page.locator('.lanes').evaluate((lanes) => { lanes.scrollTop = 50; return lanes.scrollTop })).toBe(50)
    expect((await main.boundingBox())!).toEqual(box)
    await page.getByRole('button', { name: 'Inspect path 2' }).click()
    await expect.poll(() => page.evaluate(() => location.hash)).toContain('/path/2')
    await page.context().close()
  })

  test.each(['Alt+1', 'Alt+2', 'Alt+3'])('the next path has the focus (layout %s)', async (layout) => {
    const page = await openPage(harness, '#/run/balls')
    await page.keyboard.press(layout)
    const focused = () => page.evaluate(() => document.activeElement?.closest('[data-lane]')?.getAttribute('data-lane'))
    for (const [key, path] of [['Alt+J', '2'], ['Alt+J', '3'], ['Alt+K', '2']]) {
      await page.keyboard.press(key!)
      await expect.poll(focused).toBe(path)
    }
    await page.context().close()
  })

  test('all files that were chosen are imported', async () => {
    const page = await openPage(harness, '#/history')
    const files = await page.evaluate(() => {
      const { scripted, BALLS } = (window as never as { harness: typeof import('../harness/main.ts').handle }).harness.synthetic
      return ['x', 'y', 'z'].map((run) => JSON.stringify([scripted({ ...BALLS, run: `from-${run}`, problem: `From a file ${run}` })]))
    })
    await page.locator('input[type=file]').setInputFiles(files.map((content, i) => ({ name: `${i}.json`, mimeType: 'application/json', buffer: Buffer.from(content) })))
    await page.getByRole('searchbox').fill('From a file')
    await expect.poll(() => page.locator('.history-row').count()).toBe(3)
    await page.context().close()
  })
})
