import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { Braid, CHROMIUM, SECONDS, type Window } from './support.ts'

describe.skipIf(CHROMIUM === undefined)(
  'what the window remembers, copies, and leaves to the engine',
  () => {
    const braid = new Braid()
    let window: Window
    beforeAll(async () => {
      await braid.start(
        writeTiny(
          tinyModel({
            shape: 'qwen2',
            seed: 6,
            pairs: 8,
            thoughts: 9,
            context: 65_536,
            endless: true,
          }),
          braid.data,
        ),
      )
    })
    afterAll(() => braid.close())
    beforeEach(async () => {
      window = await braid.open()
    })
    afterEach(async () => {
      expect(window.trouble).toEqual([])
      await window.context.close()
    })
    const html = (name: string) =>
      window.page.evaluate(
        (key) =>
          document.documentElement.dataset[key] ?? document.documentElement.getAttribute(key),
        name,
      )
    const clipboard = () => window.page.evaluate(() => navigator.clipboard.readText())

    test('a preset is saved under a name, is there after a reload and in another window, and can be deleted', async () => {
      const { page } = window
      const paths = page.getByLabel('Paths', { exact: true })
      const preset = page.getByLabel('Preset', { exact: true })
      await window.openSettings()
      await paths.fill('3')
      await page.getByLabel('Tokens per path', { exact: true }).fill('77')
      await page.getByRole('button', { name: 'Save as preset' }).click()
      await page.getByLabel('Name', { exact: true }).fill('Three short ones')
      await page.keyboard.press('Enter')
      await page.reload()
      const other = await braid.open()
      for (const shown of [window, other]) {
        const { page } = shown
        await shown.openSettings()
        await page.getByLabel('Preset', { exact: true }).selectOption({ label: 'Three short ones' })
        await expect
          .poll(() => page.getByLabel('Paths', { exact: true }).inputValue(), {
            timeout: 60 * SECONDS,
          })
          .toBe('3')
        expect(await page.getByLabel('Tokens per path', { exact: true }).inputValue()).toBe('77')
      }
      await other.context.close()
      await preset.selectOption({ label: 'Quick look' })
      expect(await paths.inputValue()).toBe('2')
      await preset.selectOption({ label: 'Three short ones' })
      await page.getByRole('button', { name: 'Delete preset' }).click()
      await page.reload()
      await window.openSettings()
      await expect.poll(() => preset.locator('option').allTextContents()).toContain('Quick look')
      expect(await preset.locator('option').allTextContents()).not.toContain('Three short ones')
    })

    test('layout and panels come back as they were left', async () => {
      const { page } = window
      await window.pose({
        problem: 'Which layout?',
        paths: 3,
        budget: 24,
        finish: 'last',
        summary: 12,
      })
      await window.untilRun('ended')
      await page.getByRole('radio', { name: 'Focus' }).click()
      await page.getByRole('button', { name: 'Overview', exact: true }).click()
      expect(await page.locator('.overview').count()).toBe(0)
      await page.reload()
      await page.locator('.answer-stage').waitFor() // the answer is there, so it comes first
      await page.keyboard.press('Alt+P')
      await page.locator('.lanes.focus').waitFor()
      expect(await page.locator('.overview').count()).toBe(0)
      await page.keyboard.press('Alt+3')
      await page.getByRole('tab').nth(2).click()
      expect(await page.locator('[data-lane]').getAttribute('data-lane')).toBe('p3')
      await page.keyboard.press('Alt+1')
      await page.getByRole('button', { name: 'Overview', exact: true }).click()
    })

    test('a shortcut is changed, a conflict is told, one key resets all', async () => {
      const { page } = window
      await window.command('Settings')
      const row = page.locator('[data-shortcut="app.history"]')
      const key = row.locator('button').first()
      await key.click()
      await page.keyboard.press('Control+Shift+Y')
      await expect.poll(() => key.textContent()).toBe('Ctrl+Shift+Y')
      await page.reload()
      await expect.poll(() => key.textContent()).toBe('Ctrl+Shift+Y')
      await key.click()
      await page.keyboard.press('Escape') // changes nothing
      expect(await key.textContent()).toBe('Ctrl+Shift+Y')
      await page.keyboard.press('Control+Shift+Y')
      await page.waitForURL(/#\/history/)
      await window.command('Settings')
      await key.click()
      await page.keyboard.press('Alt+N')
      await expect.poll(() => row.textContent()).toContain('also used by: New run')
      await page.locator('h1').click()
      await page.keyboard.press('Alt+0')
      await expect.poll(() => key.textContent()).toBe('Alt+H')
      expect(await row.textContent()).not.toContain('also used by')
      expect(await page.getByRole('button', { name: 'Reset all', exact: true }).isDisabled()).toBe(
        true,
      )
    })

    test('theme, language, text size, motion and following take effect at once and stay', async () => {
      const { page } = window
      await window.command('Settings')
      const size = () => page.evaluate(() => parseFloat(getComputedStyle(document.body).fontSize))
      const normal = await size()
      await page.getByRole('radio', { name: 'Dark' }).click()
      await page.getByRole('radio', { name: 'Larger' }).click()
      await page.getByRole('radio', { name: 'Reduced' }).click()
      await page.getByRole('checkbox', { name: 'Auto-scroll new text' }).uncheck()
      await page.getByRole('combobox', { name: 'Language' }).selectOption('zh')
      await expect.poll(() => page.locator('h1').textContent()).toBe('设置')
      await page.reload()
      await expect.poll(() => page.locator('h1').textContent()).toBe('设置')
      expect([await html('theme'), await html('motion'), await html('lang')]).toEqual([
        'dark',
        'reduce',
        'zh-CN',
      ])
      expect(await size()).toBeGreaterThan(normal * 1.15)
      expect(await page.locator('[aria-labelledby=look] input[type=checkbox]').isChecked()).toBe(
        false,
      )
      await expect.poll(() => page.locator('.settings').last().textContent()).toContain(braid.data)
      await page.locator('.settings select').selectOption('en')
      await page.getByRole('radio', { name: 'System' }).first().click()
      await page.getByRole('radio', { name: 'Normal' }).click()
      await page.getByRole('checkbox', { name: 'Auto-scroll new text' }).check()
    })

    test('the answer, the summary, a path and the whole run can be copied', async () => {
      await window.pose({
        problem: 'What is copied?',
        strategy: 'Parallel paths, one summary',
        paths: 2,
        budget: 30,
        finish: 'last',
        summary: 20,
      })
      await window.untilRun('ended')
      interface Written {
        text: string
      }
      const { result } = JSON.parse((await window.exportAs('JSON')).text) as {
        result: { paths: Written[]; summaries: Written[] }
      }

      await window.command('Copy path')
      await expect.poll(clipboard).not.toBe('')
      const copied = await clipboard()
      expect(copied.length).toBeGreaterThan(10)
      expect(result.paths[0]!.text).toContain(copied)
      await window.command('Copy summary')
      await expect.poll(clipboard).not.toBe(copied)
      expect(result.summaries[0]!.text).toContain(await clipboard())
      await window.command('Copy whole run')
      await expect.poll(clipboard).toContain('What is copied?')
      const whole = await clipboard()
      for (const path of [1, 2]) expect(whole).toContain(`Path ${path}`)
    })

    test('two runs think at once, both are shown live, and both go on while the window is elsewhere', async () => {
      const { page } = window
      await window.pose({
        problem: 'The first of two at once',
        paths: 3,
        budget: 20_000,
        finish: 'last',
        summary: 12,
      })
      const first = window.run
      await window.untilTokens(3, 5)
      await window.pose({
        problem: 'The second of two at once',
        paths: 2,
        budget: 20_000,
        finish: 'last',
        summary: 12,
      })
      const second = window.run
      await window.untilTokens(2, 5)
      const other = await braid.open()
      await other.show(first)
      for (const [one, path] of [
        [other, 3],
        [window, 2],
        [other, 1],
      ] as const) {
        await one.untilTokens(path, (await one.tokens(path)) + 50)
        expect(await one.runStatus()).toBe('running')
      }
      await other.context.close()
      await window.command('History')
      for (const run of [first, second])
        await expect
          .poll(() => page.locator(`[data-run="${run}"]`).textContent())
          .toContain('Thinking')
      for (const [run, paths] of [
        [first, 3],
        [second, 2],
      ] as const) {
        await window.show(run)
        await window.untilTokens(paths, (await window.tokens(paths)) + 100)
        await window.command('Stop all')
        await window.untilRun('ended')
        expect(await window.status(paths)).toBe('stopped')
      }
    })

    test('a run that does not fit waits and says so, can be cancelled meanwhile, and starts by itself', async () => {
      const { page } = window
      const row = (run: string) => page.locator(`[data-run="${run}"]`)
      const place = page.locator('[data-notice="place"]')
      await window.pose({
        problem: 'One that thinks for long',
        paths: 3,
        budget: 20_000,
        finish: 'last',
        summary: 12,
      })
      const first = window.run
      await window.untilTokens(3, 5)
      const small = { paths: 2, budget: 20, finish: 'last', summary: 12 } as const
      // It fits beside none of the others: the context is made for four runs like the first.
      await window.pose({
        ...small,
        problem: 'One that needs most of the context',
        context: 200_000,
      })
      const second = window.run
      await expect.poll(() => place.textContent()).toContain('this one is next')
      expect(await window.runStatus()).toBe('empty')
      expect(await page.locator('.run-problem').textContent()).toBe(
        'One that needs most of the context',
      )
      expect(await window.status(1)).toBe('waiting')
      await expect.poll(() => page.locator('.announce').textContent()).toContain('this one is next')
      // It would fit, but the other one asked first.
      await window.pose({ ...small, problem: 'One that is not wanted after all' })
      await expect.poll(() => place.textContent()).toContain('number 2 in line')
      await page.getByRole('button', { name: 'Stop all' }).click()
      await window.untilRunIs('ended')
      expect(await place.count()).toBe(0)
      expect(await window.status(1)).toBe('stopped')

      const other = await braid.open() // a window that was not there when the run began to wait
      await other.show(second)
      await expect
        .poll(() => other.page.locator('[data-notice="place"]').textContent())
        .toContain('this one is next')
      await other.context.close()
      await window.command('History')
      await expect.poll(() => row(second).textContent()).toContain('Queued')
      expect(await row(first).textContent()).toContain('Thinking')
      await window.show(first)
      await window.command('Stop all')
      await window.untilRun('ended')
      await window.show(second)
      await window.untilRun('ended')
      expect(await place.count()).toBe(0)
      for (const path of [1, 2]) expect(['done', 'truncated']).toContain(await window.status(path))
    })
  },
)
