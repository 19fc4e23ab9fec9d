import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Experiment } from '../../engine/protocol/lab.ts'
import { until } from '../support/test-client.ts'
import { Braid, CHROMIUM, SECONDS, type Window } from './support.ts'

describe.skipIf(CHROMIUM === undefined)('the lab, in the window', () => {
  const root = mkdtempSync(join(tmpdir(), 'braid-e2e-lab-'))
  const braid = new Braid()
  let window: Window

  beforeAll(async () => {
    await braid.start()
  })
  afterAll(async () => {
    await braid.close()
    rmSync(root, { recursive: true, force: true })
  })
  beforeEach(async () => {
    window = await braid.open()
    await window.command('Lab')
    await window.page.getByRole('heading', { name: 'Lab' }).waitFor()
  })
  afterEach(async () => {
    expect(window.trouble).toEqual([])
    await window.context.close()
  })

  const detail = () => window.page.locator('[data-experiment]')
  const stateIs = (state: Experiment['state']) =>
    until(
      async () => (await detail().getAttribute('data-state')) === state,
      `the experiment to be ${state}`,
      170 * SECONDS,
    )
  const done = async () => {
    const text = await detail().locator('.lab-progress').textContent()
    return Number(/(\d+) of \d+ runs/.exec(text ?? '')?.[1] ?? 0)
  }
  const exported = async (item: string) => {
    const { page } = window
    await detail().getByRole('button', { name: 'Export' }).click()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: item }).click(),
    ])
    return {
      name: download.suggestedFilename(),
      text: readFileSync(await download.path(), 'utf8'),
    }
  }

  test('is it worth it: one click, paused, over a restart of the host, and a verdict in words; its runs open', async () => {
    const { page } = window
    await page.getByText('An experiment runs a model over a set').waitFor()
    await page.getByLabel('Paths', { exact: true }).fill('4')
    await page.getByLabel('Problems', { exact: true }).fill('10')
    await page.getByRole('button', { name: 'Find out' }).click()
    await page.waitForURL(/#\/lab\/lab-/)
    await until(async () => (await done()) >= 3, 'three runs')
    await detail().getByRole('button', { name: 'Pause' }).click()
    await stateIs('paused')
    const paused = await done()
    expect(paused).toBeLessThan(20)
    await page.reload()
    await stateIs('paused')
    expect(await done()).toBe(paused)
    await detail().getByRole('button', { name: 'Resume' }).click()
    await until(async () => (await done()) > paused, 'it to go on')
    braid.killHost()
    await stateIs('done')

    const { name, text } = await exported('Everything as JSON')
    expect(name).toBe('braid-lab-Is-it-worth-it-Braid-Numbers.json')
    const { cells, samples } = JSON.parse(text) as Experiment & { samples: unknown[] }
    expect(samples).toHaveLength(20)
    const { n, right, rightAgainst, low, high } = cells[1]!.gain!
    expect(n).toBe(10)
    const verdict = page.locator('.verdict')
    expect(await verdict.getAttribute('data-verdict')).toBe(
      low > 0 ? 'yes' : high < 0 ? 'no' : 'unknown',
    )
    expect(await verdict.textContent()).toContain(
      `4 paths answered ${right} of 10 problems, one path ${rightAgainst}`,
    )

    // The runs of one path, wrong ones first.
    await page.getByRole('button', { name: 'One path, one summary' }).click()
    const rows = page.locator('.lab-runs tbody tr')
    await rows.first().waitFor()
    const correct = await rows.evaluateAll((list) =>
      list.map((row) => row.getAttribute('data-correct') === 'true'),
    )
    expect(correct).toEqual([...correct].sort((a, b) => Number(a) - Number(b)))
    expect(correct.filter(Boolean)).toHaveLength(cells[0]!.correct)
    const link = rows.first().getByRole('link')
    const problem = /: (.*)$/.exec((await link.getAttribute('aria-label'))!)![1]!
    await link.click()
    await page.waitForURL(/#\/run\/lab-/)
    await page.locator('[data-run-view]').waitFor()
    await page.getByText(problem).first().waitFor()
    await window.lane(1).waitFor()
    await page.goBack()
    await rows.first().waitFor()

    // They are in no history.
    await window.command('History')
    await page.getByText('No runs yet').waitFor()
  })

  test('a set of one’s own: fields, what cannot be scored, cost and time, a table with a chart, and its end', async () => {
    const { page } = window
    const file = join(root, 'own.jsonl')
    const lines = readFileSync('models/numbers-40.jsonl', 'utf8')
      .split('\n')
      .slice(0, 4)
      .map((line) => {
        const { problem, numbers, target } = JSON.parse(line) as Record<string, unknown>
        return { ask: problem, numbers, target }
      })
    const unscored = {
      ask: 'Why is the sky blue?',
      answer:
        'Because light of short wavelengths is scattered far more by the molecules of the air than light of long ones.',
    }
    writeFileSync(file, [...lines, unscored].map((line) => JSON.stringify(line)).join('\n'))

    await page.getByRole('radio', { name: 'New experiment' }).click()
    await page.getByLabel('Open file').setInputFiles(file)
    // The field of the problem is not one of the usual names.
    await page
      .getByRole('alert')
      .getByText(/no field "problem".*Fields: ask/)
      .waitFor()
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"ask"', '"question"'))
    await page.getByLabel('Open file').setInputFiles(file)
    await page.getByText('1 problem is left out').waitFor()
    expect(await page.getByLabel('Field of the problem').inputValue()).toBe('question')
    expect(await page.locator('.lab-samples li').count()).toBe(3)
    await page.getByText('No short answer: left out').waitFor()

    await page.getByLabel('Majority vote').check()
    // Several threads that wait for one another on a busy machine are a hundred times slower.
    await page.getByLabel('Threads', { exact: true }).fill('1')
    await page.getByLabel('Numbers of paths').fill('1, 99')
    await page.getByText('Enter whole numbers from 1 to 64').waitFor()
    expect(await page.getByRole('button', { name: 'Start experiment' }).isDisabled()).toBe(true)
    await page.getByLabel('Numbers of paths').fill('1, 2, 4')
    await page.getByLabel('Tokens per path').fill('96')
    // One path, and three widths of two strategies, on four problems.
    await page.locator('[data-cost]', { hasText: '28 runs' }).waitFor()
    await page.getByRole('button', { name: 'Measure the speed' }).click()
    await page.getByText(/1 path: \d.*tok\/s, 4 paths: \d.*measured on this machine/).waitFor()
    expect(await page.locator('[data-cost]').textContent()).toMatch(
      /28 runs · at most .* tokens · at most/,
    )
    await page.getByLabel('Name', { exact: true }).fill('Numbers of my own')
    await page.getByRole('button', { name: 'Start experiment' }).click()
    await page.waitForURL(/#\/lab\/lab-/)
    await stateIs('done')
    expect(await page.locator('.lab-table tbody tr').count()).toBe(7)
    const chart = page.getByRole('img', { name: /^Accuracy over the number of paths\./ })
    await chart.locator('canvas').waitFor()
    expect(await chart.getAttribute('aria-label')).toMatch(/Majority vote.*1: [\d.]+ %, 2: .*4: /)
    const csv = await exported('Table as CSV')
    expect([csv.name, csv.text.trim().split('\r\n').length]).toEqual([
      'braid-lab-Numbers-of-my-own.csv',
      8,
    ])
    expect((await exported('Report as HTML')).text).toContain('Accuracy over paths and budget')

    // Deleting takes its runs along.
    const folders = () => readdirSync(join(braid.data, 'runs', 'lab'))
    const before = folders().length
    await detail().getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await until(() => folders().length === before - 1, 'its runs to go')
    await expect.poll(() => page.getByText('Numbers of my own').count()).toBe(0)
  })
})
