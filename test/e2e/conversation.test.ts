import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { smolLM2 } from '../support/models.ts'
import { Braid, CHROMIUM, SECONDS, type Window } from './support.ts'

describe.skipIf(CHROMIUM === undefined)('a conversation', () => {
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
  const pose = (problem: string) =>
    window.pose({
      problem,
      paths: 2,
      budget: 24,
      finish: 'last',
      question: 'text',
      summary: 24,
      stage: 'auto',
    })
  const conversation = (root: string) => window.page.locator(`[data-conversation="${root}"]`)

  test('the paths have the large place while they think, then the answer; one key goes back', async () => {
    const { page } = window
    await pose('Why is the sky blue?')
    await page.locator('[data-stage="paths"] .lanes').waitFor()
    await page.locator('[data-stage="answer"] .answer-stage .summary').waitFor({
      timeout: 60 * SECONDS,
    })
    await window.untilRunIs('ended')
    expect(await page.locator('.path-strip .chip').count()).toBe(2)
    const box = await page.locator('.answer-stage .summary').boundingBox()
    expect(box!.width).toBeGreaterThan(560)
    await page.keyboard.press('Alt+P')
    await page.locator('.lanes [data-lane="p2"]').waitFor()
    await page.keyboard.press('Alt+P')
    await page.locator('.path-strip .chip').nth(1).click()
    await expect.poll(() => page.locator('.lane.active').getAttribute('data-lane')).toBe('p2')
  })

  test('the next question is asked below the answer; earlier turns stand above and open as runs', async () => {
    const { page } = window
    await pose('Name a colour.')
    await window.untilRunIs('ended')
    const first = window.run
    await page.getByRole('textbox', { name: 'Ask a follow-up' }).fill('And another one?')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.hash.startsWith('#/run/') && !url.hash.includes(first))
    await window.untilRunIs('ended')
    const second = window.run
    await page.locator('[data-stage="answer"]').waitFor({ timeout: 60 * SECONDS })
    const turn = page.locator(`[data-turn="${first}"]`)
    expect(await turn.locator('.turn-question').textContent()).toBe('Name a colour.')
    await expect
      .poll(async () => (await turn.locator('.turn-answer').textContent())!.length)
      .toBeGreaterThan(3)
    // The draft is empty again, and the first question opens as the run that it is.
    expect(await page.getByRole('textbox', { name: 'Ask a follow-up' }).inputValue()).toBe('')
    await turn.locator('.turn-question').click()
    await expect.poll(() => window.run).toBe(first)
    // Both are one conversation, which opens at its latest turn.
    await conversation(first).locator('.sidebar-open').click()
    await expect.poll(() => window.run).toBe(second)
    expect(await conversation(second).count()).toBe(0)
  })

  test('a regenerated first turn is another version of it, and the older one stays', async () => {
    const { page } = window
    await window.pose({
      problem: 'Name a bird.',
      paths: 1,
      budget: 4,
      summary: 4,
      question: 'text',
    })
    await window.untilRunIs('ended')
    const first = window.run
    await page.getByRole('button', { name: 'Regenerate' }).click()
    await expect.poll(() => window.run).not.toBe(first)
    await window.untilRunIs('ended')
    const second = window.run
    await page.getByText('Version 2 of 2').waitFor()
    expect(await conversation(second).count()).toBe(0)
    await page.getByRole('button', { name: 'Older version' }).click()
    await page.getByText('Version 1 of 2').waitFor()
    expect(window.run).toBe(first)
    // The conversation opens at the version that was asked last.
    await conversation(first).locator('.sidebar-open').click()
    await expect.poll(() => window.run).toBe(second)
  })

  test('the list beside it: by day, filtered, renamed, starred, deleted as a whole and brought back', async () => {
    const { page } = window
    await pose('Where does the wombat live?')
    await window.untilRunIs('ended')
    const root = window.run
    const row = conversation(root)
    expect(await page.locator('.sidebar h2').allTextContents()).toContain('Today')
    const filter = page.getByRole('searchbox', { name: 'Filter by title or question' })
    await filter.fill('wombat')
    expect(await page.locator('.sidebar-row').count()).toBe(1)
    await row.getByRole('button', { name: /^Actions for/ }).click()
    await page.getByRole('menuitem', { name: 'Rename' }).click()
    await page.getByRole('textbox', { name: 'Title' }).fill('A question of wombats')
    await page.keyboard.press('Enter')
    await expect.poll(() => row.textContent()).toContain('A question of wombats')
    await filter.fill('')
    await row.getByRole('button', { name: /^Actions for/ }).click()
    await page.getByRole('menuitem', { name: 'Star' }).click()
    await page.getByRole('region', { name: 'Starred' }).waitFor()
    await row.getByRole('button', { name: /^Actions for/ }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await expect.poll(() => row.count()).toBe(0)
    await page.getByRole('button', { name: 'Undo' }).click()
    await row.waitFor()
    await page.keyboard.press('Alt+L')
    await expect.poll(() => page.locator('.sidebar').count()).toBe(0)
    await page.keyboard.press('Alt+L')
    await row.waitFor()
  })

  test('a new question starts empty, and its settings stay', async () => {
    const { page } = window
    await pose('What is left of this?')
    await window.untilRunIs('ended')
    await window.command('New run')
    expect(await page.getByLabel('Problem', { exact: true }).inputValue()).toBe('')
    expect(await page.getByLabel('Paths', { exact: true }).inputValue()).toBe('2')
    // Edit brings the question back.
    await page.goBack()
    await page.getByRole('button', { name: 'Edit' }).click()
    await expect
      .poll(() => page.getByLabel('Problem', { exact: true }).inputValue())
      .toBe('What is left of this?')
  })
})
