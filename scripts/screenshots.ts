/**
 * Takes pictures of real runs of the bundled model in a real browser:
 *   npm run screenshots                                        those of the README, into docs/images
 *   npm run screenshots -- --every --out DIR [--only inspect]  every view, light and dark, 1440x900 and 1024x700
 * Others: [--model FILE] [--problem TEXT] [--hard TEXT] [--other TEXT] [--paths 4] [--budget 256] [--summary 96] [--seed 7]
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundledModel } from '../engine/models/index.ts'
import { Braid, type Window } from '../test/e2e/support.ts'
import { EMPTY, README, SCENES, type Scene, type Shown } from './screenshots/scenes.ts'

const { values } = parseArgs({
  options: {
    every: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    model: { type: 'string' },
    problem: { type: 'string', default: 'Make 66 from 13, 15, 18 and 20.' },
    hard: { type: 'string', default: 'Make 97 from 2, 3, 4 and 5.' },
    other: { type: 'string', default: 'Make 30 from 3, 2, 9 and 17.' },
    paths: { type: 'string', default: '4' },
    budget: { type: 'string', default: '256' },
    summary: { type: 'string', default: '96' },
    seed: { type: 'string', default: '7' },
    out: { type: 'string', default: 'docs/images' },
  },
})
/** Most bytes that a README should load. */
const LIMIT = 250_000
const SIZES = [
  [1440, 900],
  [1024, 700],
] as const

const model = values.model ?? bundledModel()
if (model === null)
  throw new Error('No model comes with this checkout: name one with --model FILE.')
const shown: Shown = {
  problem: values.problem,
  hard: values.hard,
  other: values.other,
  paths: Number(values.paths),
  budget: Number(values.budget),
  summary: Number(values.summary),
  seed: Number(values.seed),
  runs: [],
}
mkdirSync(values.out, { recursive: true })
if (values.every) {
  const bundled = process.env.BRAID_BUNDLED_MODEL
  process.env.BRAID_BUNDLED_MODEL = join(values.out, 'there-is-none.gguf')
  await take(EMPTY, undefined, every)
  if (bundled === undefined) delete process.env.BRAID_BUNDLED_MODEL
  else process.env.BRAID_BUNDLED_MODEL = bundled
  await take(SCENES, model, every)
} else {
  await take(README, model, shot)
}

/** Opens a window over a Braid of its own and takes it through the scenes. */
async function take(
  scenes: readonly Scene[],
  file: string | undefined,
  save: (window: Window, name: string) => Promise<void>,
): Promise<void> {
  const braid = await new Braid().start(file)
  try {
    const window = await braid.open({ width: 1280, height: 800 })
    for (const { name, act } of scenes) {
      await act(window, shown, braid)
      if (values.only.length === 0 || values.only.includes(name)) await save(window, name)
    }
    for (const trouble of window.trouble) console.error(`The page said: ${trouble}`)
  } finally {
    await braid.close()
  }
}

async function every(window: Window, name: string): Promise<void> {
  for (const [width, height] of SIZES) {
    await window.page.setViewportSize({ width, height })
    for (const theme of ['light', 'dark'] as const) {
      await window.page.emulateMedia({ colorScheme: theme })
      await shot(window, `${name}-${theme}-${width}`)
    }
  }
}

async function shot({ page }: Window, name: string): Promise<void> {
  await page.mouse.move(1, 1)
  await page.waitForTimeout(350)
  const path = join(values.out, `${name}.png`)
  await page.screenshot({ path })
  const { size } = statSync(path)
  console.log(
    `${path}: ${Math.round(size / 1000)} kB${!values.every && size > LIMIT ? ', larger than a README should load' : ''}`,
  )
}
