import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { Braid, Window } from '../../test/e2e/support.ts'

/** The views of the window, each reached as a user would. The order matters: a run is shown after it was made. */
export interface Scene {
  name: string
  act(window: Window, shown: Shown, braid: Braid): Promise<unknown>
}

/** The problems posed, and the runs that they became. */
export interface Shown {
  problem: string
  /** A problem that the model does not solve at once, so that there is time to look at the live run. */
  hard: string
  other: string
  paths: number
  budget: number
  summary: number
  seed: number
  /** Ids of the runs: of `problem`, then of `other`. */
  runs: string[]
}

const ready = ({ page }: Window): Promise<unknown> =>
  page.locator('[data-connection="open"]').waitFor()
const go = ({ page }: Window, hash: string): Promise<void> =>
  page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
const run = (window: Window, { runs }: Shown, rest = ''): Promise<void> =>
  go(window, `#/run/${runs[0]}${rest}`)
/** Moves the replay to this part of the run. */
async function scrub(page: Page, part: number): Promise<void> {
  const scrubber = page.getByRole('slider', { name: 'Position in the run' })
  const [start, end] = [
    Number(await scrubber.getAttribute('min')),
    Number(await scrubber.getAttribute('max')),
  ]
  await scrubber.fill(String(start + part * (end - start)))
}
const layout =
  (name: 'Answer' | 'Grid' | 'Focus' | 'Tabs') =>
  async (window: Window, shown: Shown): Promise<void> => {
    await run(window, shown)
    await window.page.getByRole('radio', { name }).click()
  }
const models =
  (tab: string) =>
  async (window: Window): Promise<void> => {
    await go(window, '#/models')
    await window.page.getByRole('radio', { name: tab }).click()
  }
const settings = ({ paths, budget, summary, seed }: Shown) => ({
  paths,
  budget,
  summary,
  seed,
  finish: 'last' as const,
  alternatives: 5,
})

/** The window with no model and no run. */
export const EMPTY: Scene[] = [
  { name: 'first-starting', act: (window) => go(window, '#/') },
  {
    name: 'first-no-model',
    act: ({ page }) => page.getByRole('button', { name: 'Add a model' }).waitFor(),
  },
  { name: 'models-none', act: models('Library') },
  { name: 'history-none', act: (window) => go(window, '#/history') },
]

export const SCENES: Scene[] = [
  { name: 'first', act: ({ page }) => page.locator('.fit [data-fit]').waitFor() },
  {
    name: 'sample-replay',
    act: async ({ page }) => {
      await page.getByRole('button', { name: 'Replay a recorded run' }).click()
      await page.getByRole('button', { name: 'Pause' }).click()
      await scrub(page, 0.6)
    },
  },
  { name: 'sample', act: ({ page }) => page.getByRole('button', { name: 'End replay' }).click() },
  {
    name: 'compose',
    act: async (window, { problem }) => {
      await window.command('New run')
      await window.page.getByLabel('Problem', { exact: true }).fill(problem)
    },
  },
  {
    name: 'compose-settings',
    act: async ({ page }) => {
      await page.getByText('More settings').click()
      await page.getByText('More settings').evaluate((el) => el.scrollIntoView({ block: 'start' }))
    },
  },
  {
    name: 'compose-wont-fit',
    act: async ({ page }) => {
      await page.getByLabel('Paths', { exact: true }).fill('16')
      await page.getByLabel('Tokens per path', { exact: true }).fill('900000')
      await page.getByText('More settings').click()
      await page.getByLabel('Problem', { exact: true }).focus()
      await page.waitForTimeout(800)
    },
  },
  {
    name: 'compose-preset',
    act: async ({ page }) => {
      await page.getByRole('button', { name: 'Reset to the defaults' }).click()
      await page.getByText('More settings').click()
      await page.getByRole('button', { name: 'Save as preset' }).click()
    },
  },
  {
    name: 'live',
    act: async (window, shown) => {
      await window.page.reload()
      await window.page.waitForSelector('[data-connection="open"]')
      await window.pose({ ...settings(shown), budget: 900, problem: shown.hard })
      await window.untilTokens(1, 40)
    },
  },
  {
    name: 'run-waiting',
    act: async (window, shown) => {
      await window.pose({ ...settings(shown), paths: 16, budget: 900, problem: shown.hard })
      await window.pose({ ...settings(shown), problem: shown.problem })
    },
  },
  {
    name: 'run-8-paths',
    act: async (window, shown) => {
      shown.runs.push(window.run)
      await window.pose({ ...settings(shown), paths: 8, problem: shown.other })
      shown.runs.push(window.run)
      await window.untilRun('ended')
      await window.page.waitForTimeout(800)
    },
  },
  {
    name: 'run-grid',
    act: async (window, shown) => {
      await layout('Grid')(window, shown)
      await window.untilRun('ended')
    },
  },
  { name: 'run-focus', act: layout('Focus') },
  { name: 'run-tabs', act: layout('Tabs') },
  { name: 'run-answer', act: layout('Answer') },
  {
    name: 'run-panels-closed',
    act: async (window, shown) => {
      await layout('Grid')(window, shown)
      for (const panel of ['Summary', 'Votes', 'Overview'])
        await window.page.getByRole('button', { name: panel, exact: true }).click()
    },
  },
  {
    name: 'run-menu',
    act: async ({ page }) => {
      for (const panel of ['Summary', 'Votes', 'Overview'])
        await page.getByRole('button', { name: panel, exact: true }).click()
      await page.getByRole('button', { name: 'More actions' }).click()
    },
  },
  {
    name: 'run-export',
    act: async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Export', exact: true }).click()
    },
  },
  {
    name: 'lane-menu',
    act: async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Actions for path 2' }).click()
    },
  },
  {
    name: 'scope',
    act: async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.locator('.run-facts-row .pill.warn').focus()
    },
  },
  {
    name: 'find',
    act: async ({ page }) => {
      await page.keyboard.press('Control+F')
      await page.keyboard.type('1')
    },
  },
  {
    name: 'subset',
    act: async (window) => {
      await window.page.keyboard.press('Escape')
      await window.page.locator('.summary [data-command="run.summariseSubset"]').click()
    },
  },
  {
    name: 'strategy',
    act: async (window) => {
      await window.page.keyboard.press('Escape')
      await window.command('Run with another strategy')
      await window.page.locator('dialog').waitFor()
    },
  },
  {
    name: 'palette',
    act: async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.locator('dialog').waitFor({ state: 'detached' })
      await page.keyboard.press('Control+K')
      await page.locator('dialog.palette').waitFor()
    },
  },
  {
    name: 'replay',
    act: async ({ page }) => {
      await page.keyboard.press('Escape')
      await page.locator('dialog.palette').waitFor({ state: 'detached' })
      await page.keyboard.press('Alt+R')
      await page.getByRole('button', { name: 'Pause' }).click()
      await scrub(page, 0.8)
    },
  },
  {
    name: 'replay-over',
    act: ({ page }) => page.getByRole('button', { name: 'End replay' }).click(),
  },
  {
    name: 'inspect',
    act: async (window, shown) => {
      await run(window, shown)
      await window.lane(1).getByRole('button', { name: 'Inspect path 1' }).click()
      await window.page.getByRole('listbox').focus()
      for (let i = 0; i < 7; i++) await window.page.keyboard.press('ArrowRight')
      await window.page.locator('.alternatives tbody tr').first().waitFor()
    },
  },
  { name: 'inspect-whitespace', act: ({ page }) => page.keyboard.press('Alt+W') },
  { name: 'inspect-settled', act: ({ page }) => page.keyboard.press('Alt+W') },
  {
    name: 'attribution',
    act: async (window, shown) => {
      await run(window, shown)
      await window.page.locator('.summary [data-command="run.attribution"]').click()
      await window.page.locator('.attr-row').first().waitFor({ timeout: 120_000 })
      await window.page.locator('.attr-row').first().click()
    },
  },
  { name: 'run-attributed', act: (window, shown) => run(window, shown) },
  {
    name: 'votes-by-hand',
    act: async (window, { runs }) => {
      await go(window, `#/run/${runs[1]}`)
      await window.page.locator('.vote-pick').first().click()
      await window.page.getByText('Chosen by you').waitFor()
    },
  },
  { name: 'compare-paths', act: (window, shown) => run(window, shown, '/compare/p1,p2,p3') },
  {
    name: 'compare-runs',
    act: (window, { runs }) => go(window, `#/compare/${runs.slice(0, 2).join(',')}`),
  },
  {
    name: 'history',
    act: async (window) => {
      await window.command('History')
      await window.page.locator('.history-row').first().waitFor()
    },
  },
  {
    name: 'history-selected',
    act: async ({ page }) => {
      for (const box of await page.locator('.history-row input[type=checkbox]').all())
        await box.check()
    },
  },
  { name: 'models', act: models('Library') },
  { name: 'models-get', act: models('Get models') },
  { name: 'models-convert', act: models('Convert') },
  { name: 'models-devices', act: models('Devices') },
  { name: 'settings', act: (window) => window.command('Settings') },
  {
    name: 'shortcuts',
    act: async ({ page }) => {
      await page
        .locator('[data-shortcut="app.models"]')
        .evaluate((el) => el.scrollIntoView({ block: 'start' }))
      await page.locator('[data-shortcut="app.models"] button').first().click()
    },
  },
  { name: 'no-such-run', act: (window) => go(window, '#/run/20200101-000000-aaaaaa') },
  {
    name: 'interrupted',
    act: async (window, shown, braid) => {
      await window.pose({ ...settings(shown), budget: 900, problem: shown.hard })
      await window.untilTokens(1, 4)
      braid.killHost()
      await window.untilRun('interrupted')
    },
  },
  {
    name: 'models-add-error',
    act: async (window) => {
      await ready(window)
      await models('Library')(window)
      await window.page.getByPlaceholder('/path/to/model.gguf').fill('/nowhere/model.gguf')
      await window.page.getByRole('button', { name: 'Add', exact: true }).click()
      await window.page.waitForTimeout(500)
    },
  },
  {
    name: 'inspect-unreadable',
    act: async (window, { runs }, braid) => {
      const file = join(braid.data, 'runs', `${runs[0]}.alt`)
      rmSync(file)
      mkdirSync(file)
      await go(window, `#/run/${runs[0]}/p1/7`)
      await window.page.reload()
      await window.page.locator('.token-detail .callout').waitFor()
    },
  },
  {
    name: 'models-not-loaded-at-start',
    act: async (window, _shown, braid) => {
      const file = join(braid.data, 'settings.json')
      const kept = JSON.parse(readFileSync(file, 'utf8')) as { model: string }
      // The file as an engine leaves it that died while loading.
      writeFileSync(
        file,
        JSON.stringify({ ...kept, loadAtStart: true, loadingAtStart: kept.model }),
      )
      braid.killHost()
      await window.page.waitForTimeout(1500)
      await window.page.reload()
      await ready(window)
      await models('Devices')(window)
      await window.page.locator('.callout.warn').filter({ hasText: 'start' }).waitFor()
    },
  },
  {
    name: 'compose-follow-up',
    act: async (window, shown) => {
      await run(window, shown)
      await window.untilRun('ended')
      await window.command('Ask a follow-up')
    },
  },
  {
    name: 'compose-outside',
    act: async (window) => {
      await window.page.getByRole('button', { name: 'Start fresh' }).click()
      await window.page
        .getByLabel('Problem', { exact: true })
        .fill('Where do swallows spend the winter?')
      await window.page.locator('.outside-offers li').first().waitFor()
    },
  },
  {
    name: 'compose-attachments',
    act: async ({ page }) => {
      await page.locator('.composer input[type=file]').setInputFiles([
        { name: 'flight.py', mimeType: 'text/x-python', buffer: Buffer.from('print(66)\n') },
        { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('They fly south.\n') },
      ])
      await page.locator('.attachment [data-tokens]').nth(1).waitFor()
    },
  },
  {
    name: 'compose-picker',
    act: async ({ page }) => {
      await page.locator('.picker').click()
      await page.getByPlaceholder('Search your models').waitFor()
    },
  },
  {
    name: 'run-thread',
    act: async (window, shown) => {
      await window.page.keyboard.press('Escape')
      await run(window, shown)
      const ask = window.page.getByRole('textbox', { name: 'Ask a follow-up' })
      await ask.fill(shown.other)
      await ask.press('Enter')
      await window.page.waitForURL((url) => !url.hash.includes(shown.runs[0]!))
      await window.untilRunIs('ended')
      await window.page.locator('[data-turn]').first().waitFor()
    },
  },
  {
    name: 'lab',
    act: async (window) => {
      await go(window, '#/lab')
      await window.page.getByRole('heading', { name: 'Is it worth it?' }).waitFor()
      await window.page.waitForTimeout(800)
    },
  },
  {
    name: 'lab-new',
    act: async ({ page }) => {
      await page.getByRole('radio', { name: 'New experiment' }).click()
      await page.locator('.lab-samples').waitFor()
    },
  },
  {
    name: 'lab-results',
    act: async (window) => {
      const { page } = window
      await go(window, '#/lab')
      await page.getByRole('radio', { name: 'Experiments' }).click()
      const form = page.locator('.worth')
      await form.getByLabel('Tokens per path').fill('64')
      await form.getByLabel('Problems').fill('3')
      await form.getByRole('button', { name: 'Find out' }).click()
      await page.locator('[data-state="done"] .lab-table').waitFor({ timeout: 300_000 })
    },
  },
]

/** The pictures of the README. */
export const README: Scene[] = [
  {
    name: 'live-dark',
    act: async (window, shown) => {
      await window.page.emulateMedia({ colorScheme: 'dark' })
      await window.pose({ ...settings(shown), budget: 900, problem: shown.hard })
      await window.untilTokens(1, 40)
    },
  },
  {
    name: 'run',
    act: async (window, shown) => {
      await window.command('Stop all')
      await window.untilRun('ended')
      await window.pose({ ...settings(shown), problem: shown.problem })
      shown.runs.push(window.run)
      await window.page.emulateMedia({ colorScheme: 'light' })
      await window.untilRun('ended')
      await window.page.waitForTimeout(800)
    },
  },
  ...SCENES.filter(({ name }) => name === 'inspect' || name === 'attribution'),
]
