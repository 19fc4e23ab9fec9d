import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { writeScripted } from '../support/scripted-model.ts'
import { PROGRAMS, READERS } from '../support/scripts.ts'
import { Braid, CHROMIUM, type Window } from './support.ts'

/** What the window shows of programs that were compared; the model says what a script says. */

const asked = { paths: 6, budget: 200, finish: 'last', seed: 3 } as const
const problem = 'What is total?'

/** Set SHOTS to a folder to look at what is drawn. */
async function shoot({ page }: Window, name: string): Promise<void> {
  const folder = process.env.SHOTS
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}/${name}.png` })
}

describe.skipIf(CHROMIUM === undefined)('programs that agree', () => {
  let done: () => Promise<void> = async () => {}
  afterEach(() => done())

  async function open(
    size: Parameters<Braid['open']>[0] = {},
    scripts = PROGRAMS,
  ): Promise<Window> {
    const file = writeScripted(scripts)
    const braid = new Braid()
    const close = async () => {
      await braid.close()
      rmSync(dirname(file), { recursive: true })
    }
    done = close
    await braid.start(file)
    const window = await braid.open(size)
    done = async () => {
      await close()
      expect(window.trouble).toEqual([])
    }
    return window
  }
  const clipboard = ({ page }: Window) => page.evaluate(() => navigator.clipboard.readText())
  const answer = ({ page }: Window) => page.locator('.summary.whole')
  const sums = /^def total\((items|values)\)/

  test('from the question to the program on the clipboard, and what it rests on', async () => {
    const window = await open()
    const { page } = window
    await window.pose({ ...asked, problem })
    await window.untilRun('ended')
    await answer(window).getByText('Answer', { exact: true }).waitFor()
    expect(await answer(window).textContent()).toMatch(/return sum\(items\)|result \+= value/)
    await page.getByRole('heading', { name: 'What the programs return' }).waitFor()
    const table = page.locator('.programs table')
    await table.waitFor()
    expect(await table.locator('tbody th').allTextContents()).toEqual([
      'total([1, 2, 3])',
      'total([])',
      'total([5])',
      'total([-4, 4])',
    ])
    expect(await page.locator('.programs > p').first().textContent()).toMatch(
      /^\d of 6 programs give the same result for \d of 4 calls\.$/,
    )
    // Equal results look alike, different ones do not.
    const shades = await table
      .locator('tbody tr')
      .first()
      .locator('td')
      .evaluateAll((cells) =>
        cells.map((cell) => [cell.getAttribute('title'), cell.getAttribute('data-group')]),
      )
    expect(new Set(shades.map(String)).size).toBe(new Set(shades.map(([value]) => value)).size)
    await shoot(window, 'programs')
    await page.keyboard.press('Control+Shift+C')
    await expect.poll(() => clipboard(window)).toMatch(sums)
    expect(await clipboard(window)).not.toContain('```')
    await answer(window)
      .getByRole('button', { name: /^Copy .*Python/ })
      .click()
    await expect.poll(() => clipboard(window)).toMatch(sums)
    // It is told once what happened.
    const first = page.locator('[data-notice="programs-first"]')
    expect(await first.textContent()).toContain('sandbox')
    await first.getByRole('button').click()
    await expect.poll(() => first.count()).toBe(0)
    const { text } = await window.exportAs('Markdown')
    expect(text).toContain('## Programs')
    expect(text).toContain('| `total([5])` |')
    await window.command('History')
    expect(await page.locator('.history-answer').first().textContent()).toMatch(
      /of 6 programs agree/,
    )
  })

  test('an input of several lines is added', async () => {
    const window = await open({}, READERS)
    const { page } = window
    await window.pose({ ...asked, problem: 'How many lines has the standard input?' })
    await window.untilRun('ended')
    const programs = page.locator('.programs')
    await programs.locator('table').waitFor()
    const inputs = () =>
      programs
        .locator('tbody th button')
        .evaluateAll((all) => all.map((one) => one.getAttribute('title')))
    expect(await inputs()).toHaveLength(2)
    await programs.getByLabel('Add an input').fill('x\ny\nz')
    await programs.getByRole('button', { name: 'Run', exact: true }).click()
    await expect.poll(inputs).toHaveLength(3)
    await programs.locator('tbody th button').first().click()
    expect(await programs.locator('.programs-detail > pre').textContent()).toMatch(/^x\ny\nz\n/)
    expect(await programs.locator('.programs-detail li pre').allTextContents()).toEqual(['3', '1'])
  })

  test('another program is chosen, a call added, a result expected, a summary asked for', async () => {
    const window = await open()
    const { page } = window
    await window.pose({ ...asked, problem })
    await window.untilRun('ended')
    const programs = page.locator('.programs')
    await programs.locator('table').waitFor()
    const pick = (path: number) =>
      programs.getByRole('button', { name: `Choose the program of Path ${path}`, exact: true })
    const text = () => answer(window).textContent()
    const chosen = async () =>
      Number(
        await answer(window)
          .getAttribute('data-segment')
          .then((one) => one!.slice(1)),
      )
    const before = await chosen()
    // By the first row: who returns what?
    const values = await programs
      .locator('tbody tr')
      .first()
      .locator('td')
      .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('title')))
    const other = values.indexOf('3') + 1
    expect(other).toBeGreaterThan(0)
    await pick(other).click()
    await expect.poll(text).toContain('return max(x)')
    expect(await text()).toContain('Chosen by you.')
    expect(await pick(other).getAttribute('aria-pressed')).toBe('true')
    await pick(before).click()
    await expect.poll(text).not.toContain('return max(x)')
    // A call of one's own.
    const field = programs.getByLabel('Add a call')
    await field.fill('total([7, 7])')
    await field.press('Enter')
    await programs.getByRole('button', { name: 'total([7, 7])' }).waitFor()
    await field.fill('print(1)')
    await field.press('Enter')
    await page.getByText('print(1) is not a call of total').waitFor()
    // What it should return.
    await programs.getByRole('button', { name: 'total([7, 7])' }).click()
    await shoot(window, 'programs-detail')
    const wanted = programs.locator('.programs-detail li').filter({ hasText: /7$/ }).last()
    await wanted.getByRole('button', { name: 'Expect this' }).click()
    await programs.getByText('Expected: 7').waitFor()
    await expect
      .poll(() => programs.locator('[aria-label="not as expected"]').count())
      .toBeGreaterThan(0)
    await programs.getByRole('button', { name: 'Expect nothing' }).click()
    await expect.poll(() => programs.getByText('Expected: 7').count()).toBe(0)
    // A summary, which then is the answer.
    await programs.getByRole('button', { name: /^Merge the paths/ }).click()
    await page.locator('.summary .stream').waitFor()
    await window.untilRun('ended')
    expect(await page.locator('.summary header').textContent()).toContain('Answer')
    expect(await programs.locator('.vote-pick[aria-pressed="true"]').count()).toBe(0)
  })

  test('turned off in Settings, nothing runs and the summary is written', async () => {
    const window = await open()
    const { page } = window
    await window.command('Settings')
    await page.getByLabel('Run and compare programs').uncheck()
    await window.pose({ ...asked, problem })
    await window.untilRun('ended')
    await page.locator('[data-notice="programs-off"]').waitFor()
    await page.locator('.summary .stream').waitFor()
    expect(await page.locator('.programs').count()).toBe(0)
    await shoot(window, 'programs-off')
  })

  test('in a narrow window and in the dark, the table scrolls inside its panel', async () => {
    const window = await open({ width: 900, height: 700 })
    const { page } = window
    await window.command('Settings')
    await page.getByRole('radio', { name: 'Dark' }).click()
    await window.pose({ ...asked, problem })
    await window.untilRun('ended')
    await page.locator('.programs table').waitFor()
    await page.locator('.programs-call').first().click()
    await shoot(window, 'programs-narrow')
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  })
})
