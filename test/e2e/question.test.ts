import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { instructionFor } from '../../engine/protocol/instruction.ts'
import { THINKS, writeScripted } from '../support/scripted-model.ts'
import { CHINESE, CODE, IDEAS, PROOF, THINKING } from '../support/scripts.ts'
import { Braid, CHROMIUM, type Window } from './support.ts'

/** What the window shows of questions with and without a single value; models say what a script says. */

const asked = { paths: 4, budget: 200, finish: 'last', seed: 3 } as const

describe.skipIf(CHROMIUM === undefined)('the kind of a question', () => {
  let done: () => Promise<void> = async () => {}
  afterEach(() => done())

  /** Opens a window over a model that says these scripts. */
  async function open(...script: Parameters<typeof writeScripted>): Promise<Window> {
    const file = writeScripted(...script)
    const braid = new Braid()
    let window: Window | undefined
    done = async () => {
      const trouble = [...(window?.trouble ?? [])]
      await braid.close()
      rmSync(dirname(file), { recursive: true })
      expect(trouble).toEqual([])
    }
    await braid.start(file)
    return (window = await braid.open())
  }
  const kindOf = ({ page }: Window) => page.locator('.side').getByLabel('Kind of question')
  const summary = ({ page }: Window) => page.locator('.summary .stream')
  const answers = ({ page }: Window) =>
    page.locator('.answer-chip, .answer-big, .vote-answer').count()

  test('code: one program is the answer, and nothing else is taken for one', async () => {
    const window = await open(CODE)
    const { page } = window
    await window.pose({ ...asked, problem: 'Write a function that finds the longest word?' })
    await window.untilRun('ended')
    expect(await kindOf(window).inputValue()).toBe('code')
    await expect.poll(() => summary(window).textContent()).toContain('def longest_word(text: str)')
    expect(await answers(window)).toBe(0)
    expect(await page.locator('.leaf-text').allTextContents()).not.toContain('O(n)')
    // The board is replaced by what the paths have in common.
    await page.getByRole('heading', { name: 'Where the paths agree' }).waitFor()
    expect(await page.locator('.agree-text').first().textContent()).toBe('def longest_word(text):')
    // Copied and exported is the program.
    await page.keyboard.press('Control+Shift+C')
    await expect
      .poll(() => page.evaluate(() => navigator.clipboard.readText()))
      .toMatch(/^This program handles[^]*```python\nimport re[^]*```$/)
    const { text } = await window.exportAs('Markdown')
    expect(text).toContain('def longest_word(text: str)')
    expect(text).not.toMatch(/Answer: /)
    await window.command('History')
    const row = page.locator('.history-row').first()
    await expect.poll(() => row.locator('.pill').allTextContents()).toEqual(['Code'])
    expect(await row.locator('.history-answer').textContent()).toBe('')
  })

  test('the model writes the title of a long question, unless that is switched off', async () => {
    const window = await open({ '?': ['Red leaves.'], '.': ['They turn red in autumn.'] })
    const { page } = window
    const ask = async (what: string, titles: boolean) => {
      await window.command('Settings')
      await page.getByLabel('Let the model write titles').setChecked(titles)
      await window.pose({ ...asked, paths: 2, problem: `Why do ${what}, and what is it good for?` })
      await window.untilRunIs('ended')
      return page.locator(`[data-conversation="${window.run}"] .sidebar-title`)
    }
    const off = await ask('the leaves of most trees turn red before they fall', false)
    const on = await ask('the leaves of most trees fall before the winter comes', true)
    await expect.poll(() => on.textContent(), { timeout: 60_000 }).toBe('Red leaves')
    expect(await off.textContent()).toMatch(/^Why do the leaves of most trees turn red/)
  })

  test('a proof under a majority: nothing to count is said, and the paths can be merged', async () => {
    const window = await open(PROOF)
    const { page } = window
    await window.pose({
      ...asked,
      paths: 3,
      strategy: 'Majority vote',
      problem: 'Why is the square root of 2 irrational?',
    })
    await window.untilRun('ended')
    expect(await kindOf(window).inputValue()).toBe('text')
    await page.locator('[data-notice="nothing-to-count"]').waitFor()
    expect(await page.locator('.summary').textContent()).toContain('The paths were not merged')
    expect(await answers(window)).toBe(0)
    await page
      .locator('.summary')
      .getByRole('button', { name: /^Merge the paths/ })
      .click()
    await expect.poll(() => summary(window).textContent()).toContain('Claim: the square root')
    await window.untilRun('ended')
    expect(await page.locator('.summary header').textContent()).toContain('Answer')
    expect(await page.locator('[data-notice="nothing-to-count"]').count()).toBe(0)
  })

  test('a brainstorm: what kind it is can be said before the start, and changed afterwards', async () => {
    const window = await open(IDEAS)
    const { page } = window
    await page.getByLabel('Problem', { exact: true }).fill('What could we do?')
    const strategy = page.getByLabel('Strategy', { exact: true })
    await window.openSettings()
    await strategy.selectOption('majority')
    const hint = page.locator('.composer [data-notice="nothing-to-count"]')
    expect(await hint.count()).toBe(0)
    await page.getByLabel('Kind of question').selectOption('text')
    await hint.getByRole('button', { name: 'Merge the paths instead' }).click()
    expect(await strategy.inputValue()).toBe('parallel')
    await window.pose({ ...asked, problem: 'What could we do?' })
    await window.untilRun('ended')
    await expect.poll(() => summary(window).textContent()).toContain('Start with a guided walk')
    expect(await page.locator('.agree-text').allTextContents()).toContainEqual(
      expect.stringMatching(/soup/i),
    )
    // Counted after all.
    await kindOf(window).selectOption('value')
    await page.getByRole('heading', { name: 'Votes' }).waitFor()
    await expect.poll(() => page.locator('.vote-answer').allTextContents()).toContain('no answer')
    await window.command('Treat as a question for a text')
    await page.getByRole('heading', { name: 'Where the paths agree' }).waitFor()
  })

  test('a question in Chinese: asked for in Chinese, with an instruction that can be edited and reset', async () => {
    const window = await open(CHINESE)
    const { page } = window
    const problem = '一年四季可以怎么安排旅行？'
    await window.pose({ ...asked, problem })
    await window.untilRun('ended')
    await expect.poll(() => summary(window).textContent()).toContain('春天去山里徒步看花')
    await page.locator('.summary [data-command="run.summariseSubset"]').click()
    const field = page.getByLabel('Instruction for the summary')
    const usual = instructionFor('text', problem)
    expect(await field.inputValue()).toBe(usual)
    await field.fill('写一句话。')
    await page.getByRole('button', { name: 'Reset' }).click()
    expect(await field.inputValue()).toBe(usual)
    await field.fill('写一句话。')
    await page.getByRole('button', { name: 'Summarise 4 paths' }).click()
    await page.getByRole('radio', { name: 'Summary v2' }).waitFor()
    await window.untilRun('ended')
    const { text } = await window.exportAs('JSON')
    const asks = (JSON.parse(text) as { events: { role?: string; instruction?: string }[] }).events
      .filter(({ role }) => role === 'summary')
      .map(({ instruction }) => instruction)
    expect(asks).toEqual([usual, '写一句话。'])
  })

  test('thoughts are folded, and found; only answers are merged and counted', async () => {
    const window = await open(THINKING, { template: THINKS })
    const { page } = window
    await window.pose({ ...asked, problem: 'How many trains ran today?' })
    await window.untilRun('ended')
    expect(await kindOf(window).inputValue()).toBe('value')
    const lane = window.lane(1)
    const text = () => lane.locator('.stream-scroll').textContent()
    const fold = lane.getByRole('button', { name: /^Thought · [\d,]+ tokens$/ })
    expect(await fold.getAttribute('aria-expanded')).toBe('false')
    await lane.locator('.katex').first().waitFor()
    const answer = await text()
    expect(answer).not.toMatch(/<\/?think>|checked it twice|Or is one of them|No idea/)
    await fold.focus()
    await page.keyboard.press('Enter')
    await expect.poll(text).toMatch(/checked it twice|Or is one of them|No idea/)
    await fold.click()
    await expect.poll(text).toBe(answer)
    // A match inside a thought opens it.
    await page.keyboard.press('Control+F')
    await page.keyboard.type('</think>')
    await page.locator('.find-hit').last().click()
    await expect
      .poll(() => page.locator('.thought-bar[aria-expanded="true"]').count())
      .toBeGreaterThan(0)
  })
})
