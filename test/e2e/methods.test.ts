import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { smolLM2 } from '../support/models.ts'
import { Braid, CHROMIUM, type Window } from './support.ts'

const PROBLEM = 'Explain in two sentences why the sky is blue.'

describe.skipIf(CHROMIUM === undefined)('the other strategies in the window', () => {
  const braid = new Braid()
  let window: Window
  beforeAll(async () => {
    await braid.start(await smolLM2())
  })
  afterAll(() => braid.close())
  beforeEach(async () => {
    window = await braid.open()
  })
  afterEach(async () => {
    expect(window.trouble).toEqual([])
    await window.context.close()
  })

  test('refine: lanes by round, what each path reads, and arrows between the rounds', async () => {
    const { page } = window
    await window.command('New run')
    await window.openSettings()
    await page.getByLabel('Strategy', { exact: true }).selectOption('refine')
    await expect.poll(() => page.getByLabel('Paths', { exact: true }).inputValue()).toBe('8')
    await page.getByLabel('Rounds', { exact: true }).fill('2')
    await page.getByLabel('Paths read by each path').fill('2')
    await window.pose({
      problem: PROBLEM,
      paths: 3,
      budget: 24,
      finish: 'last',
      question: 'text',
      summary: 16,
    })
    await window.untilRun('ended')
    expect(await page.locator('.lanes .round').allTextContents()).toEqual(['Round 1', 'Round 2'])
    expect(await page.locator('[data-lane]').count()).toBe(6)
    expect(await window.lane(1).locator('.lane-head').textContent()).not.toMatch(/p[123] p[123]/i)
    const heights = await page
      .locator('.lanes .round')
      .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height))
    for (const height of heights) expect(height).toBeLessThan(60)
    const arrows = page.locator('.overview .reads')
    expect(await arrows.count()).toBe(6)
    for (const arrow of await arrows.all())
      expect(await arrow.getAttribute('data-reads')).toMatch(/^p[123]$/)
    expect(await page.locator('.overview svg').getAttribute('aria-label')).toContain('reads paths')
    const { text } = await window.exportAs('Markdown')
    expect(text).toMatch(/Path 4, group 2, reads paths \d, \d by cache/)
  })

  test('merge: one answer from the mean, and what each path gave its tokens', async () => {
    const { page } = window
    await window.pose({
      problem: PROBLEM,
      strategy: 'Parallel paths, one merged answer',
      paths: 3,
      budget: 24,
      finish: 'last',
      question: 'text',
      summary: 16,
    })
    await window.untilRun('ended')
    const summary = page.locator('.summary')
    expect(await summary.locator('.summary-meta').textContent()).toMatch(/from paths\s*1\s*2\s*3/)
    expect(await summary.locator('.summary-meta').textContent()).toContain('From the mean')
    await page.goto(new URL(`#/run/${window.run}/s1/1`, page.url()).href)
    const members = page.locator('.members tbody tr')
    await expect.poll(() => members.count()).toBe(3)
    expect(await members.first().textContent()).toMatch(/%/)
  })
})
