import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JUDGE_TOKENS } from '../../engine/protocol/judges.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { JUDGED } from '../support/scripts.ts'
import { Braid, CHROMIUM } from './support.ts'

describe.skipIf(CHROMIUM === undefined)('a tournament, in the window', () => {
  const braid = new Braid()
  const file = writeScripted(JUDGED)
  beforeAll(() => braid.start(file))
  afterAll(async () => {
    await braid.close()
    rmSync(dirname(file), { recursive: true })
  })

  test('its cost, who met whom, the reasons by keyboard, and the answer, which the user may change', async () => {
    const window = await braid.open()
    const { page } = window
    await window.command('New run')
    await window.openSettings()
    await page.getByLabel('Strategy', { exact: true }).selectOption('tournament')
    await page.getByLabel('Paths', { exact: true }).fill('4')
    await page.getByLabel('Tokens per path', { exact: true }).fill('200')
    const rounds = page.getByLabel('Judgements per answer')
    expect(await rounds.inputValue()).toBe('2')
    const cost = page.locator('.cost-line')
    await expect.poll(() => cost.getAttribute('data-cost')).toBe(String(800 + 8 * JUDGE_TOKENS))
    expect(await cost.textContent()).toContain('judgements: 8')
    await window.pose({ problem: 'How shall we travel?', budget: 200, question: 'text', seed: 4 })
    await window.untilRun('ended')
    const matches = page.locator('.match')
    await expect.poll(() => matches.count()).toBe(4)
    expect(await page.locator('.bracket h3').allTextContents()).toEqual(['Round 1', 'Round 2'])
    const [pair] = await matches.evaluateAll((all) => all.map((one) => one.dataset.match))
    expect(pair).toBe('p1-p2')
    expect(await matches.first().locator('summary').textContent()).toMatch(/[012] : [012]/)
    // The reasons are there when they are asked for.
    expect(await page.locator('.reasons:visible').count()).toBe(0)
    await matches.first().locator('summary').focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('.reasons:visible').count()).toBe(2)
    const said = await page.locator('.reasons:visible').allTextContents()
    expect(said[0]).toMatch(/Shown 1 first, then 2 · prefers Path [12]/)
    expect(said[1]).toMatch(/Shown 2 first, then 1 · prefers Path [12]/)
    for (const one of said) expect(one).toMatch(/Better: [12]/)
    await page.keyboard.press('Alt+p')
    const answer = page.locator('.summary')
    await expect.poll(() => answer.first().textContent()).toContain('which the judges prefer')
    const picks = page.getByRole('radio', { name: /Choose the answer of/ })
    expect(await picks.count()).toBe(4)
    expect(await page.locator('.bracket .vote-answer').first().textContent()).not.toBe('')
    await picks.last().click()
    await expect.poll(() => picks.last().getAttribute('aria-checked')).toBe('true')
    await expect.poll(() => answer.first().textContent()).toContain('which you chose')
    const { text } = await window.exportAs('Markdown')
    expect(text).toContain('## What the judges prefer')
    expect(text).toMatch(/Judge 1, round 1: of paths 1, 2, by cache/)
    expect(text).toMatch(/prefers path \d/)
    expect(window.trouble).toEqual([])
    await window.context.close()
  })
})
