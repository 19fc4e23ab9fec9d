import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, test, vi } from 'vitest'
import type { handle } from '../harness/main.ts'
import { crowded, cutOff } from './layout.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'
import { VIEWS } from './views.ts'

vi.setConfig({ testTimeout: 120_000 })

const harness = harnessForTests()

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

async function show(
  name: string,
  options: { theme?: 'light' | 'dark'; width?: number; height?: number; language?: string } = {},
): Promise<Page> {
  const { hash, scene, act } = VIEWS[name]!
  const page = await openPage(harness, hash, { ...options, ...(scene !== undefined && { scene }) })
  await page.evaluate(
    (language) =>
      (window as unknown as { harness: typeof handle }).harness.usePrefs.setState({
        motion: 'reduce',
        language,
      }),
    options.language ?? 'en',
  )
  await page.waitForTimeout(250)
  await act?.(page)
  await page.waitForTimeout(350)
  return page
}

async function serious(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() =>
    (
      window as unknown as { axe: { run(where: Document, options: object): Promise<AxeResults> } }
    ).axe.run(document, { resultTypes: ['violations'] }),
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map((node) => `${node.html.slice(0, 140)} ${node.any[0]?.message ?? ''}`)
          .join(' | ')}`,
    )
}

describe.skipIf(CHROMIUM === undefined)('accessibility', () => {
  test.each(Object.keys(VIEWS))(
    '%s: axe finds nothing serious in light and dark; nothing is cut off or overlaps at 1024x700, in the largest text, in Chinese, at 200 % zoom, or from right to left',
    async (name) => {
      const page = await show(name)
      const set = (prefs: object) =>
        page.evaluate(
          (next) =>
            (window as unknown as { harness: typeof handle }).harness.usePrefs.setState(next),
          prefs,
        )
      expect(await serious(page)).toEqual([])
      await set({ theme: 'dark' })
      await page.waitForTimeout(100)
      expect(await serious(page)).toEqual([])
      for (const [width, height] of [
        [1024, 700],
        [720, 450],
      ] as const) {
        await page.setViewportSize({ width, height })
        await page.waitForTimeout(150)
        expect([`${width}x${height}`, ...(await cutOff(page))]).toEqual([`${width}x${height}`])
      }
      await page.setViewportSize({ width: 1024, height: 700 })
      for (const look of [
        { textSize: 'larger' },
        { textSize: 'normal', language: 'zh' },
      ] as const) {
        await set(look)
        await page.waitForTimeout(150)
        expect([look, ...(await cutOff(page)), ...(await crowded(page))]).toEqual([look])
      }
      await page.setViewportSize({ width: 1440, height: 900 })
      await set({ language: 'ar-XB' })
      await page.waitForTimeout(150)
      expect(
        await page.evaluate(() => ({
          dir: document.documentElement.dir,
          rail: document.querySelector('.rail')!.getBoundingClientRect().left > innerWidth / 2,
          wide: document.documentElement.scrollWidth > innerWidth,
        })),
      ).toEqual({ dir: 'rtl', rail: true, wide: false })
      await page.context().close()
    },
  )

  test('Chinese: no English is left in the views', async () => {
    for (const name of [
      'compose',
      'history',
      'models',
      'lab',
      'lab, chart',
      'settings',
      'run, grid',
    ]) {
      const page = await show(name, { language: 'zh' })
      const labels = await page.evaluate(() =>
        [...document.querySelectorAll('button, label, h1, h2, th')]
          .filter(
            (el) =>
              el.closest(
                '.run-problem, .history-rows, .sidebar-list li, .example, .shortcuts td, .model-list, [lang], .facts-list',
              ) === null || el.closest('nav, .settings') !== null,
          )
          .map((el) => (el.getAttribute('aria-label') ?? el.textContent ?? '').trim())
          .filter(
            (text) =>
              /[A-Za-z]{4,}/.test(text) &&
              !/^(Braid|llama\.cpp|ParaThinker.*|top-[pk]|min-p|Flash attention|English|Markdown|HTML|JSON|.*Ctrl.*|Header.*|A bag holds.*)$/.test(
                text,
              ),
          ),
      )
      expect({ name, labels }).toEqual({ name, labels: [] })
      // What a download failed of, too.
      if (name === 'models')
        expect(await page.locator('.task-row').last().textContent()).toContain('拒绝访问（401）')
      await page.context().close()
    }
  })

  test('Chinese: why a program does not run is told in it, below the table and for each call', async () => {
    const page = await show('run, programs', { language: 'zh' })
    const reason = '沙箱中没有模块 numpy。'
    expect(await page.locator('.programs-without').textContent()).toContain(reason)
    await page.locator('.programs-call').last().click()
    expect(await page.locator('.programs-detail .abstained pre').textContent()).toBe(reason)
    expect(await page.locator('.programs td.abstained').last().getAttribute('title')).toBe(reason)
    await page.context().close()
  })

  test('one live region tells the progress, and logs are not live', async () => {
    const page = await show('run, live')
    const live = await page.evaluate(() =>
      [...document.querySelectorAll('[aria-live], [role=status], [role=log], [role=alert]')]
        .filter((el) => el.closest('.toasts') === null)
        .map((el) => el.className),
    )
    expect(live).toEqual(['visually-hidden'])
    expect(await page.locator('.status-bar [role=status]').textContent()).toMatch(
      /4 paths thinking/,
    )
    expect(await page.locator('.announce').textContent()).toMatch(/4 paths thinking/)
    await page.context().close()
  })
})
