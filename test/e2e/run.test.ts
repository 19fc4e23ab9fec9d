import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { smolLM2 } from '../support/models.ts'
import { Braid, CHROMIUM, SECONDS, type Window } from './support.ts'

const PROBLEM =
  'A farmer has 17 sheep and buys 5 more every day for a week. Explain step by step how many there are at the end.'

describe.skipIf(CHROMIUM === undefined)('a run, from the problem to the answer', () => {
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

  test('pose and watch: lanes grow at once, the summary says from what, the run ends with its figures', async () => {
    await window.pose({ problem: PROBLEM, paths: 3, budget: 48, finish: 'last', summary: 24 })
    const { page } = window
    await window.untilTokens(1, 5)
    expect(await page.locator('[data-lane]').count()).toBe(3)
    expect(await page.locator('.run-problem').textContent()).toBe(PROBLEM)
    await window.untilRun('ended')
    for (const path of [1, 2, 3]) {
      expect(await window.tokens(path)).toBe(48)
      expect(await window.status(path)).toBe('truncated')
      expect((await window.lane(path).locator('.stream').textContent())!.length).toBeGreaterThan(40)
      const figures = await window.lane(path).locator('.lane-head').textContent()
      expect(figures).toMatch(/[\d.]+ tok\/s/)
      expect(figures).toMatch(/tok\/s[\d.]+ m?s.*48 \/ 48/) // time to first token, tokens used of the budget
    }
    const summary = page.locator('.summary')
    expect(await summary.locator('.summary-meta').textContent()).toMatch(/from paths\s*1\s*2\s*3/)
    expect(await summary.locator('.summary-meta').textContent()).toContain('From the cache')
    expect((await summary.locator('.stream').textContent())!.length).toBeGreaterThan(10)
    expect(await page.locator('.overview svg').getAttribute('aria-label')).toContain(
      'Where the paths diverge',
    )
  })

  test('while a summary reads the paths again, the head and the title say how much it has read', async () => {
    await window.pose({ problem: PROBLEM, paths: 4, budget: 200, finish: 'last', summary: 16 })
    const { page } = window
    await window.untilRun('ended')
    expect(await page.locator('.context-used').textContent()).toMatch(
      /^[\d,]+ of 8,192 tokens of context$/,
    )
    await page.evaluate(() => {
      const said = new Set<string>()
      const look = () => {
        said.add(document.querySelector('[data-run-status]')?.textContent ?? '')
        said.add(document.title)
      }
      new MutationObserver(look).observe(document, {
        subtree: true,
        childList: true,
        characterData: true,
      })
      Object.assign(globalThis, { said })
    })
    await page.locator('.summary [data-command="run.summariseSubset"]').click()
    await page.locator('dialog').getByLabel('Merge paths').selectOption({ label: 'By re-reading' })
    await page.getByRole('button', { name: 'Summarise 4 paths' }).click()
    await page
      .getByRole('radiogroup', { name: 'Versions of the summary' })
      .waitFor({ timeout: 60 * SECONDS })
    await window.untilRun('ended')
    const said = await page.evaluate(() => [...(globalThis as never as { said: Set<string> }).said])
    expect(said).toContainEqual(expect.stringMatching(/^Reading 4 paths \d+ %$/))
    expect(said).toContainEqual(expect.stringMatching(/^Reading 4 paths \d+ % – .* – Braid$/))
    await expect.poll(() => page.title()).toBe('Braid')
  })

  test('stop one path: it stops, the others go on', async () => {
    await window.pose({ problem: PROBLEM, paths: 3, budget: 300, finish: 'last', summary: 16 })
    await window.untilTokens(2, 10)
    await window.laneMenu(2, 'Stop path')
    await expect.poll(() => window.status(2)).toBe('stopped')
    const other = await window.tokens(1)
    await window.untilTokens(1, other + 10) // by then its lane has counted the last tokens
    const stopped = await window.tokens(2)
    await window.untilTokens(1, other + 20)
    expect(await window.tokens(2)).toBe(stopped)
    await window.page.getByRole('button', { name: 'Stop all' }).click()
    await window.untilRun('ended')
  })

  test('summarise now, then again over a subset by the other fusion: a new version, the old one stays', async () => {
    await window.pose({ problem: PROBLEM, paths: 3, budget: 400, finish: 'last', summary: 20 })
    const { page } = window
    const now = page.getByRole('button', { name: 'Summarise now' })
    await window.untilTokens(1, 20)
    await now.click()
    await window.untilRun('ended')
    expect(await window.tokens(1)).toBeLessThan(400)
    const words = async () =>
      (await page.locator('.summary .stream').textContent())!.replace(/[^\p{L}]/gu, '') // list marks are drawn once formatted
    const first = await words()
    expect(await now.count()).toBe(0)

    await page.locator('.summary [data-command="run.summariseSubset"]').click()
    await page.getByRole('checkbox', { name: /Path 2/ }).uncheck()
    await page.locator('dialog').getByLabel('Merge paths').selectOption({ label: 'By re-reading' })
    await page.getByRole('button', { name: 'Summarise 2 paths' }).click()
    const versions = page.getByRole('radiogroup', { name: 'Versions of the summary' })
    await versions.waitFor({ timeout: 60 * SECONDS })
    await window.untilRun('ended')
    const meta = () => page.locator('.summary-meta').textContent()
    expect(await meta()).toMatch(/from paths\s*1\s*3By re-reading/)
    await versions.getByRole('radio', { name: 'Summary v1' }).click()
    await expect.poll(words).toBe(first)
    expect(await meta()).toMatch(/from paths\s*1\s*2\s*3From the cache/)
  })

  test('inspect: alternatives of a token, a fork there, which thinks on from what was kept', async () => {
    await window.pose({
      problem: PROBLEM,
      paths: 2,
      budget: 40,
      finish: 'last',
      summary: 16,
    })
    await window.untilRun('ended')
    const { page } = window
    await window.lane(1).getByRole('button', { name: 'Inspect path 1' }).click()
    const list = page.getByRole('listbox', { name: 'Tokens of Path 1' })
    await list.waitFor()
    await list.focus()
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight')
    expect(await page.locator('.token-detail h2').textContent()).toBe('Token 12')
    const rows = page.locator('.alternatives tbody tr')
    // As many as are recorded by default.
    await expect.poll(() => rows.count()).toBe(5)
    const chances = await rows.locator('.alt-p').allTextContents()
    expect(chances.every((text) => /[\d.]+ %/.test(text))).toBe(true)
    const other = rows
      .filter({ hasNot: page.locator(':scope.taken') })
      .locator('button:not(:disabled)')
      .first()
    const name = (await other.getAttribute('aria-label'))!.replace('Branch with ', '')
    await other.click()
    await page.waitForURL(/#\/run\/[\w-]+$/)
    await expect.poll(() => page.locator('[data-lane]').count()).toBe(3)
    await expect.poll(() => window.status(3)).not.toBe('thinking')
    await window.untilTokens(3, 13)
    await page.evaluate((hash) => {
      location.hash = hash
    }, `#/run/${window.run}/p3/12`)
    await expect.poll(() => page.locator('.token-detail h2').textContent()).toBe('Token 12')
    expect(await page.locator('#tok-12').textContent()).toContain(name.replace(/[␣⏎⇥]/g, '').trim())
    // The parent has the same prefix, so it is a sibling at this token.
    expect(await page.locator('.token-detail').textContent()).toContain('Same prefix')
  })

  test('compare two paths: the point of parting, what each has of its own', async () => {
    await window.pose({ problem: PROBLEM, paths: 2, budget: 50, finish: 'last', summary: 8 })
    await window.untilRun('ended')
    await window.command('Compare paths')
    const { page } = window
    await page.locator('[data-parting]').waitFor()
    expect(await page.locator('.compare-row.differs').count()).toBeGreaterThan(0)
    const columns = await page.locator('.compare-heads h2').allTextContents()
    expect(columns).toEqual(['Path 1', 'Path 2'])
  })

  test('majority: the board shows every answer, and one can be chosen by hand', async () => {
    await window.pose({
      problem: 'What is 2 + 2? Answer with one number.',
      strategy: 'Majority vote',
      question: 'value',
      paths: 3,
      budget: 40,
      summary: 24,
    })
    await window.untilRun('ended')
    const { page } = window
    const rows = page.locator('.vote')
    await expect.poll(() => rows.count()).toBeGreaterThan(0)
    const members = await page.locator('.vote .members button').count()
    expect(members).toBeGreaterThanOrEqual(3)
    // Paths without an answer stand last and cannot be chosen.
    const choices = rows.filter({ has: page.getByRole('radio') })
    await choices.last().getByRole('radio').click()
    await expect
      .poll(() => choices.last().getByRole('radio').getAttribute('aria-checked'))
      .toBe('true')
    if ((await choices.count()) > 1)
      expect(await page.locator('.votes').textContent()).toContain('Chosen by you')
  })

  test('reload in mid-run: the window comes back to the run, which went on', async () => {
    // Long enough that no reload outlasts it: a run that is over opens at its answer, without lanes.
    const problem = 'Write the numbers from one to a thousand, one per line: 1, 2, 3, ...'
    await window.pose({ problem, paths: 4, budget: 1800, finish: 'last', summary: 8 })
    await window.untilTokens(1, 10)
    const { page } = window
    const run = window.run
    await page.reload()
    await window.untilTokens(1, 20)
    expect(window.run).toBe(run)
    const before = await window.tokens(1)
    await window.untilTokens(1, before + 10)
    await page.getByRole('button', { name: 'Stop all' }).click()
    await window.untilRun('ended')
  })

  test('extend a path, drop another, then summarise again', async () => {
    await window.pose({ problem: PROBLEM, paths: 2, budget: 30, finish: 'last', summary: 8 })
    await window.untilRun('ended')
    expect(await window.tokens(1)).toBe(30)
    await window.laneMenu(1, 'Continue')
    await window.untilTokens(1, 60)
    await window.laneMenu(2, 'Drop path')
    await expect.poll(() => window.status(2)).toBe('dropped')
    const undo = window.page.getByRole('button', { name: 'Undo: take path 2 back' })
    await undo.click()
    await expect.poll(() => window.status(2)).not.toBe('dropped')
    expect(await window.tokens(2)).toBe(30)
    await window.laneMenu(2, 'Drop path')
    await undo.waitFor()
    // A new version merges what was added since, without the dropped path.
    const { page } = window
    await page.locator('.summary [data-command="run.summariseSubset"]').click()
    await page.getByRole('button', { name: 'Summarise 1 path' }).click()
    await page
      .getByRole('radiogroup', { name: 'Versions of the summary' })
      .waitFor({ timeout: 60 * SECONDS })
    await window.untilRun('ended')
    expect(await page.locator('.summary-meta').textContent()).toMatch(/from paths\s*1\D/)
  })
})
