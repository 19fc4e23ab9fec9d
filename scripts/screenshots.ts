/**
 * Makes the pictures of the README in docs/images from a real run in a real browser:
 *   npx tsx scripts/screenshots.ts [--model FILE] [--problem TEXT] [--paths 4] [--budget 120] [--out docs/images]
 * Without a model it takes the one that the tests use.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Braid, SECONDS, type Window } from '../test/e2e/support.ts'
import { smolLM2 } from '../test/support/models.ts'

const { values } = parseArgs({ options: {
  model: { type: 'string' },
  problem: { type: 'string', default: 'Which planet of the solar system is the largest? Explain in two sentences, then give its name in \\boxed{}.' },
  paths: { type: 'string', default: '4' }, budget: { type: 'string', default: '120' }, summary: { type: 'string', default: '110' }, seed: { type: 'string', default: '1' },
  out: { type: 'string', default: 'docs/images' },
} })
const LIMIT = 250_000

mkdirSync(values.out, { recursive: true })
const braid = await new Braid().start(values.model ?? (await smolLM2()))
try {
  const window = await braid.open({ width: 1280, height: 800 })
  const { page } = window
  await window.pose({ problem: values.problem, paths: Number(values.paths), budget: Number(values.budget), summary: Number(values.summary), finish: 'last', alternatives: 5, seed: Number(values.seed) })
  await window.untilTokens(1, 4)
  await page.keyboard.press('Alt+T')
  await shot(window, 'live-dark')
  await page.keyboard.press('Alt+T')
  await window.untilRun('ended')
  await page.waitForTimeout(800)
  await shot(window, 'run')
  await window.lane(1).getByRole('button', { name: 'Inspect path 1' }).click()
  await page.getByRole('listbox').focus()
  for (let i = 0; i < 7; i++) await page.keyboard.press('ArrowRight')
  await page.locator('.alternatives tbody tr').first().waitFor()
  await shot(window, 'inspect')
  await page.keyboard.press('Alt+A')
  await page.locator('.attr-row').first().waitFor({ timeout: 120 * SECONDS })
  await page.locator('.attr-row').first().click()
  await shot(window, 'attribution')
} finally {
  await braid.close()
}

async function shot({ page }: Window, name: string): Promise<void> {
  await page.mouse.move(640, 790)
  await page.waitForTimeout(400)
  const path = join(values.out, `${name}.png`)
  await page.screenshot({ path })
  const { size } = statSync(path)
  console.log(`${path}: ${Math.round(size / 1000)} kB${size > LIMIT ? ', larger than a README should load' : ''}`)
}
