import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { Braid, CHROMIUM, runFiles, SECONDS, type Window } from './support.ts'

describe.skipIf(CHROMIUM === undefined)(
  'runs that are kept, with a model that thinks in parallel natively',
  () => {
    const braid = new Braid()
    let window: Window
    beforeAll(async () => {
      const model = writeTiny(
        tinyModel({ shape: 'qwen2', seed: 5, pairs: 8, thoughts: 9, context: 8192 }),
        braid.data,
      )
      await braid.start(model)
    })
    afterAll(() => braid.close())
    beforeEach(async () => {
      window = await braid.open()
    })
    afterEach(async () => {
      expect(window.trouble).toEqual([])
      await window.context.close()
    })
    const pose = async (problem: string, paths = 3): Promise<string> => {
      await window.pose({
        problem,
        paths,
        budget: 40,
        finish: 'last',
        summary: 24,
        alternatives: 3,
      })
      await window.untilRun('ended')
      return window.run
    }
    const history = async () => {
      await window.command('History')
      await window.page.locator('.history-row').first().waitFor()
    }

    test('the summary reads the cells of the paths', async () => {
      await pose('Does it read the cache?')
      expect(await window.page.locator('.summary-meta').textContent()).toContain('From the cache')
    })

    test('history: found by its words, renamed, starred, tagged, deleted, and back again', async () => {
      const { page } = window
      const run = await pose('How far is the quokka from the river?')
      await pose('Another question about nothing')
      await history()
      const all = await page.locator('.history-row').count()
      await page.getByRole('searchbox', { name: /^Search/ }).fill('quokka')
      await expect.poll(() => page.locator('.history-row').count()).toBe(1)
      const row = page.locator(`[data-run="${run}"]`)
      await row.getByRole('button', { name: 'Star' }).click()
      await expect
        .poll(() => row.getByRole('button', { name: 'Star' }).getAttribute('aria-pressed'))
        .toBe('true')
      await row.getByRole('button', { name: /^Actions for/ }).click()
      await page.getByRole('menuitem', { name: 'Rename' }).click()
      await page.getByLabel('Title', { exact: true }).fill('The marsupial run')
      await page.getByRole('button', { name: 'Save' }).click()
      await expect.poll(() => row.textContent()).toContain('The marsupial run')
      await row.getByRole('button', { name: /^Actions for/ }).click()
      await page.getByRole('menuitem', { name: 'Edit tags' }).click()
      await page.getByLabel(/^Tags/).fill('animals, rivers')
      await page.keyboard.press('Enter')
      await expect.poll(() => row.textContent()).toContain('rivers')
      await page.getByRole('searchbox', { name: /^Search/ }).fill('')
      await page.getByRole('button', { name: 'Starred', exact: true }).click()
      await expect.poll(() => page.locator('.history-row').count()).toBe(1)
      await page.getByRole('button', { name: 'Starred', exact: true }).click()
      await row.getByRole('button', { name: /^Actions for/ }).click()
      await page.getByRole('menuitem', { name: 'Delete' }).click()
      await expect.poll(() => page.locator('.history-row').count()).toBe(all - 1)
      await page.getByRole('button', { name: 'Undo' }).click()
      await expect.poll(() => row.textContent()).toContain('The marsupial run')
      await page.reload()
      await expect.poll(() => row.textContent()).toContain('animals')
    })

    test('replay: the same run, from nothing to the end, at any speed and from any moment', async () => {
      await pose('What does a replay show?')
      const { page } = window
      const end = await window.tokens(1)
      await window.command('Replay')
      const slider = page.getByRole('slider', { name: 'Position in the run' })
      await slider.waitFor()
      await page.getByRole('combobox', { name: 'Speed' }).selectOption('16')
      await expect.poll(() => window.tokens(1)).toBe(end)
      await slider.focus()
      await page.keyboard.press('Home')
      await expect.poll(() => page.locator('[data-lane]').count()).toBe(0)
      await page.keyboard.press('End')
      await expect.poll(() => window.tokens(1)).toBe(end)
      await page.getByRole('button', { name: 'End replay' }).click()
      await window.untilRun('ended')
    })

    test('every export holds every path and opens again', async () => {
      await pose('Which formats are there?')
      const { page } = window
      const texts = await Promise.all([1, 2, 3].map((path) => window.tokens(path)))
      const json = await window.exportAs('JSON')
      expect(json.name).toMatch(/\.json$/)
      expect(JSON.stringify(JSON.parse(json.text))).toContain('Which formats are there?')

      const markdown = await window.exportAs('Markdown')
      for (const path of [1, 2, 3]) expect(markdown.text).toContain(`Path ${path}`)
      expect(markdown.text).toContain('Which formats are there?')

      const html = await window.exportAs('HTML')
      const asked: string[] = []
      const reader = await window.context.newPage()
      reader.on('request', (request) => asked.push(request.url()))
      const file = join(braid.data, 'export.html')
      writeFileSync(file, html.text)
      await reader.goto(`file://${file}`)
      expect(await reader.locator('body').innerText()).toContain('Which formats are there?')
      expect(
        await reader.locator('script, iframe, object, link[rel=stylesheet][href^=http]').count(),
      ).toBe(0)
      expect(asked.filter((url) => !url.startsWith('file://') && !url.startsWith('data:'))).toEqual(
        [],
      )
      await reader.close()

      // The JSON is imported as a new run with every token.
      await history()
      await page.locator('input[type=file]').setInputFiles({
        name: json.name,
        mimeType: 'application/json',
        buffer: Buffer.from(json.text),
      })
      await page.waitForURL(/#\/run\//, { timeout: 60 * SECONDS })
      await window.showPaths()
      for (const path of [1, 2, 3])
        await expect.poll(() => window.tokens(path)).toBe(texts[path - 1])
      expect(await page.locator('.run-problem').textContent()).toBe('Which formats are there?')
    })

    test('several runs are compared side by side and exported together', async () => {
      const [a, b] = [await pose('First of two'), await pose('Second of two', 2)]
      const { page } = window
      await history()
      for (const run of [a, b])
        await page.locator(`[data-run="${run}"] input[type=checkbox]`).check()
      await page.getByRole('button', { name: 'Compare', exact: true }).click()
      await expect.poll(() => page.locator('.run-col .facts-list').count()).toBe(2)
      await page.getByRole('button', { name: 'Export', exact: true }).click()
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('menuitem', { name: 'Markdown' }).click(),
      ])
      const text = readFileSync(await download.path(), 'utf8')
      expect(text).toContain('First of two')
      expect(text).toContain('Second of two')
    })

    test('another strategy: the same problem again, shown beside the first', async () => {
      await pose('Would a vote say the same?', 2)
      const { page } = window
      await window.command('Run with another strategy')
      await page.getByRole('radio', { name: /^Majority vote/ }).check()
      await page.getByRole('dialog').getByRole('button', { name: 'Start', exact: true }).click()
      await page.waitForURL(/#\/compare\//)
      await expect
        .poll(() => page.locator('.run-col [data-run-status="ended"]').count(), {
          timeout: 60 * SECONDS,
        })
        .toBe(2)
      expect(await page.locator('.run-col h2').allTextContents()).toEqual([
        'Parallel paths, one summary',
        'Majority vote',
      ])
    })

    test('follow-up: starts from the problem and the chosen summary', async () => {
      const first = await pose('What is the first question?', 2)
      const { page } = window
      await window.command('Ask a follow-up')
      expect(await page.locator('.composer').textContent()).toContain('What is the first question?')
      await page.getByLabel('Problem', { exact: true }).fill('And the second?')
      await page.getByRole('button', { name: 'Start', exact: true }).click()
      await page.waitForURL((url) => url.hash.startsWith('#/run/') && !url.hash.includes(first))
      await window.untilRun('ended')
      // The turn before stands above, and opens.
      await page.locator(`[data-turn="${first}"] .turn-question`).click()
      await expect.poll(() => window.run).toBe(first)
    })

    test('a damaged transcript is listed as such and hides no other; a file that is not a transcript is refused by name', async () => {
      const run = await pose('Which one is damaged?', 2)
      const { page } = window
      const file = runFiles(braid.data).find(
        (name) => name.includes(run) && name.endsWith('.jsonl'),
      )!
      writeFileSync(
        join(braid.data, 'runs', file.replace(run, '20200101-000000-badbad')),
        '{"type":"run-started"\nnot json\n',
      )
      await page.reload()
      await history()
      await expect.poll(() => page.locator('.history-row.damaged').count()).toBe(1)
      expect(await page.locator(`[data-run="${run}"]`).count()).toBe(1)
      await page.locator('input[type=file]').setInputFiles({
        name: 'holiday <b>.json',
        mimeType: 'application/json',
        buffer: Buffer.from('{"not": "a run"}'),
      })
      await expect
        .poll(() => page.locator('.toast.bad').first().textContent())
        .toContain('holiday <b>.json')
    })
  },
)
