/** Paths and runs side by side, many paths, dropped paths, continued ones, and answers that are prose. */
import type { Page } from 'playwright-core'
import { describe, expect, test, vi } from 'vitest'
import type { handle } from '../harness/main.ts'
import { CHROMIUM, openPage } from './page.ts'
import { harnessForTests } from './suite.ts'

vi.setConfig({ testTimeout: 90_000 })

const harness = harnessForTests()
type Handle = typeof handle
type Size = { width?: number; height?: number }
const show = (hash: string, size: Size = {}) =>
  openPage(harness, hash, { scene: 'comparing', ...size })

/** Makes the host note commands, and take dropped paths back. */
const noteCommands = (page: Page, run: string) =>
  page.evaluate((run) => {
    const { fake } = (window as never as { harness: Handle }).harness
    const taken: unknown[] = []
    Object.assign(window, { taken })
    fake.onCommand = ({ command }) => {
      taken.push(command)
      if (command.type === 'restore')
        fake.push({
          kind: 'events',
          run,
          events: [
            {
              type: 'segment-ended',
              at: 99_999,
              segment: command.segment,
              reason: 'finished',
              answer: null,
            },
          ],
        })
      return {}
    }
  }, run)
const taken = (page: Page) => page.evaluate(() => (window as never as { taken: unknown[] }).taken)

describe.skipIf(CHROMIUM === undefined)('comparing', () => {
  test('runs are headed by what tells them apart; what differs is marked, what is equal is folded', async () => {
    const page = await show('#/compare/first,second,third')
    await expect.poll(() => page.locator('.run-col h2').count()).toBe(3)
    expect(await page.locator('.run-col h2').allTextContents()).toEqual([
      'Parallel paths, one summary · Tokens for the summary 256',
      'Majority vote',
      'Parallel paths, one summary · Tokens for the summary 24',
    ])
    expect(await page.locator('.runs-question').textContent()).toMatch(/^A bag holds 5 red/)
    expect(await page.locator('.run-col header p').first().textContent()).toBe(
      'ParaThinker 1.5B · 4 paths',
    )
    expect(await page.locator('.run-col [data-run-status]').allTextContents()).toEqual([
      'Done',
      'Stopped',
      'Cut short',
    ])
    const differing = page.locator('[data-run="second"] .differs')
    expect(
      (await differing.locator('dt').allTextContents()).map((name) => name.split(' (')[0]),
    ).toEqual(['Strategy', 'Tokens for the summary', 'Seed'])
    expect(await differing.locator('dd').allTextContents()).toEqual(['Majority vote', '256', '8'])
    const equal = page.locator('.equal-settings')
    expect(await equal.locator('summary').textContent()).toMatch(/^\d\d settings are equal$/)
    await equal.locator('summary').focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => equal.locator('dl').isVisible()).toBe(true)
    expect(await equal.locator('dl').textContent()).toContain('Temperature')
    await page.context().close()
  })

  test('paths are drawn formatted; what is common is quiet, what differs has a bar and a tint, neither red nor green', async () => {
    const page = await show('#/run/pair/compare/p1,p2')
    const rows = page.locator('.compare-row')
    await expect.poll(() => page.locator('.compare-row .katex').count()).toBeGreaterThan(0)
    expect(await page.locator('.compare-row .code').count()).toBe(2)
    // In code, the words that differ are marked, too.
    await expect
      .poll(() => page.locator('.compare-row .code mark').allTextContents())
      .toEqual(['each', 'each', 'unit', 'unit'])
    expect(await rows.first().locator('h2').first().textContent()).toBe('Plan')
    expect(await page.locator('.compare ins, .compare del').count()).toBe(0)
    expect(await page.locator('.compare-row.same').count()).toBe(4)
    // A decimal, a number of a list and an abbreviation split nothing.
    const third = page.locator('.compare-row.alike', { hasText: 'The bag is free' })
    await expect
      .poll(() => third.locator('mark').allTextContents())
      .toEqual(['It is not counted here.', 'It weighs 20 grams, cf. Fig. 2.'])
    const mark = await third
      .locator('mark')
      .first()
      .evaluate((el) => {
        const [r, g, b] = getComputedStyle(el).backgroundColor.match(/\d+/g)!.map(Number)
        return Math.max(r!, g!, b!) - Math.min(r!, g!, b!)
      })
    expect(mark).toBeLessThan(25)
    const bar = (row: typeof third) =>
      row
        .locator('.compare-cell')
        .first()
        .evaluate((el) => getComputedStyle(el).borderInlineStartColor)
    expect(await bar(third)).not.toBe(await bar(page.locator('.compare-row.same').first()))
    await page.context().close()
  })

  test('paths that part early are columns of text without marks', async () => {
    const page = await show('#/run/pair/compare/p1,p3')
    await expect.poll(() => page.locator('.compare-row.own').count()).toBeGreaterThan(3)
    expect(await page.locator('.compare-part').textContent()).toBe(
      'Nothing in common from here on.',
    )
    expect(await page.locator('.compare mark').count()).toBe(0)
    await page.context().close()
  })

  test('the head of the token view has one row for nine paths and two summaries, and scrolls where it is narrow', async () => {
    for (const [width, height] of [
      [1440, 900],
      [1024, 700],
    ] as const) {
      const page = await show('#/run/nine/p9/3', { width, height })
      const head = page.locator('.inspect-head')
      const box = (await head.boundingBox())!
      expect(box.height).toBeLessThan(60)
      const choice = page.getByRole('radiogroup', { name: 'Path or summary' })
      expect(await choice.getByRole('radio').count()).toBe(11)
      const seen = () =>
        choice.locator('[aria-checked=true]').evaluate((el) => {
          const [own, outer] = [el, el.closest('.inspect-which')!].map((one) =>
            one.getBoundingClientRect(),
          )
          return own!.left >= outer!.left - 1 && own!.right <= outer!.right + 1
        })
      expect(await seen()).toBe(true)
      await choice.locator('[aria-checked=true]').focus()
      await page.keyboard.press('ArrowRight')
      await page.keyboard.press('ArrowRight')
      await expect
        .poll(() => choice.locator('[aria-checked=true]').getAttribute('aria-label'))
        .toBe('Summary v2')
      expect(await seen()).toBe(true)
      await page.context().close()
    }
  })

  test('a dropped path is one line with Undo, in lanes, tabs, strip and overview', async () => {
    const page = await show('#/run/dropped')
    await noteCommands(page, 'dropped')
    const line = /^Path 3, dropped · \d+ tokens$/
    const strip = page.locator('.path-strip .dropped-paths [data-status=dropped]')
    expect(await strip.textContent()).toMatch(line)
    expect(await page.locator('.path-strip .chip').count()).toBe(3)
    expect(await page.locator('.overview .dropped-paths').textContent()).toMatch(line)
    expect(await page.locator('.leaf').count()).toBe(3)
    for (const [layout, lanes] of [
      ['Alt+1', 3],
      ['Alt+2', 3],
      ['Alt+3', 1],
    ] as const) {
      await page.keyboard.press(layout)
      await expect.poll(() => page.locator('.lanes .lane').count()).toBe(lanes)
      const dropped = page.locator('.run-main > .dropped-paths > li')
      expect((await dropped.boundingBox())!.height).toBeLessThan(32)
      expect(await dropped.locator('[data-status]').textContent()).toMatch(line)
    }
    expect(await page.getByRole('tab').count()).toBe(3)
    await page.keyboard.press('Alt+1')
    await page.getByRole('button', { name: 'Undo: take path 3 back' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.lanes .lane').count()).toBe(4)
    expect(await taken(page)).toEqual([{ type: 'restore', segment: 'p3' }])
    expect(await page.locator('.dropped-paths').count()).toBe(0)
    await expect
      .poll(() =>
        page.evaluate(() =>
          document.activeElement?.closest('[data-lane]')?.getAttribute('data-lane'),
        ),
      )
      .toBe('p3')
    await page.context().close()
  })

  test('the last dropped path comes back by a key', async () => {
    const page = await show('#/run/dropped')
    await noteCommands(page, 'dropped')
    await page.keyboard.press('Alt+Shift+X')
    await expect.poll(() => taken(page)).toEqual([{ type: 'restore', segment: 'p3' }])
    await page.context().close()
  })

  test('a path that is continued in the middle of a word goes on in the same paragraph', async () => {
    const page = await show('#/')
    await page.evaluate(() => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const tokens = (at: number, text: string) => ({
        type: 'tokens' as const,
        at,
        segment: 'p1' as const,
        tokens: synthetic.tokenise(text, () => 0.5),
      })
      const events = [
        ...synthetic.begun('on', 2),
        tokens(400, 'First this.\n\nThen take the problem step'),
        {
          type: 'segment-ended' as const,
          at: 500,
          segment: 'p1',
          reason: 'budget' as const,
          answer: null,
        },
        { type: 'segment-extended' as const, at: 600, segment: 'p1', budget: 900 },
        tokens(700, '-by-step and'),
        tokens(800, ' on.\n\nNext.'),
      ]
      fake.add(events, { status: 'running' }, events.length - 3)
      location.hash = '#/run/on'
    })
    const blocks = page.locator('[data-lane="p1"] .block')
    await expect.poll(() => blocks.last().textContent()).toBe('Then take the problem step')
    await page.evaluate(() => (window as never as { harness: Handle }).harness.fake.play('on', 3))
    await expect
      .poll(() => blocks.allTextContents())
      .toEqual(['First this.', 'Then take the problem step-by-step and on.', 'Next.'])
    await page.context().close()
  })

  test('prose in a box wraps, and is plain in the status line', async () => {
    const page = await show('#/run/prose', { width: 1024, height: 700 })
    const answer = page.locator('.answer-text')
    await expect.poll(() => answer.textContent()).toMatch(/^The sum of two odd integers/)
    const fits = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((el) => el.scrollWidth <= el.clientWidth + 1)
    expect(await fits('.answer-text')).toBe(true)
    expect(await answer.locator('.katex').count()).toBe(0)
    expect(await page.locator('.status-bar').textContent()).toContain(
      'Answer: The sum of two odd integers is even',
    )
    await expect.poll(() => page.locator('.summary .boxed').count()).toBe(1)
    expect(await fits('.summary .stream-scroll')).toBe(true)
    await page.keyboard.press('Alt+1')
    const foot = page.locator('.lane-foot .answer-prose').first()
    await foot.waitFor()
    expect(await foot.evaluate((el) => el.getClientRects().length)).toBeGreaterThan(1)
    expect(await fits('.vote-answer')).toBe(true)
    await page.context().close()
  })

  test('sixteen paths leave no hole in a wide window, and their tabs fit, each with a sign that has a name', async () => {
    const page = await show('#/run/sixteen', { width: 1920, height: 1080 })
    await page.keyboard.press('Alt+1')
    await expect.poll(() => page.locator('.lanes .lane').count()).toBe(16)
    const rows = await page
      .locator('.lanes .lane')
      .evaluateAll(
        (lanes) => new Set(lanes.map((el) => Math.round(el.getBoundingClientRect().top))).size,
      )
    expect(rows).toBe(4)
    // A head is one row: the status beside the name, and a line for the budget.
    const head = page.locator('.lanes .lane-head').first()
    expect((await head.boundingBox())!.height).toBeLessThan(40)
    expect(await head.getByRole('meter').isVisible()).toBe(true)
    await page.keyboard.press('Alt+3')
    await page.getByRole('tab').first().waitFor()
    expect(await page.getByRole('tab').first().getByRole('img').getAttribute('aria-label')).toBe(
      'Thinking',
    )
    expect(await page.getByRole('tab', { name: '16 Thinking' }).count()).toBe(1)
    const strip = page.locator('.tabstrip')
    const shown = () =>
      strip.evaluate((el) => el.scrollWidth <= el.clientWidth && el.scrollHeight <= el.clientHeight)
    expect(await shown()).toBe(true)
    await page.setViewportSize({ width: 1024, height: 700 })
    await page.evaluate(() =>
      (window as never as { harness: Handle }).harness.usePrefs.setState({ language: 'zh' }),
    )
    await page.getByRole('tab', { name: '16 思考中' }).waitFor()
    expect(await shown()).toBe(true)
    await page.getByRole('tab').last().click()
    expect(await page.locator('[data-lane]').getAttribute('data-lane')).toBe('p16')
    await page.context().close()
  })
})
