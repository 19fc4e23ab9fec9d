/** (f) Time to the first token of a summary that reads its paths from the cache, one behind another, against re-reading. */
import { readFileSync } from 'node:fs'
import { median } from '../../engine/lab/index.ts'
import { pathId, type SegmentId } from '../../engine/protocol/events.ts'
import type { Fusion } from '../../engine/protocol/request.ts'
import {
  engineSettings,
  nextEvent,
  openEngine,
  openModel,
  printTable,
  type BenchModel,
  type Settings,
} from './harness.ts'

const SIZES = [
  { paths: 4, length: 256 },
  { paths: 8, length: 512 },
]
const TEXT = ['method', 'architecture', 'models', 'requests']
/** More than one, so that re-reading has room beside the paths' cells. */
const JOBS = 3

/** Returns paths of text, which splits into about as many tokens when it is read again. */
async function textPaths(
  model: BenchModel,
  settings: Settings,
  count: number,
  length: number,
): Promise<Map<SegmentId, number[]>> {
  const opened = await openModel(model.file, settings)
  const text = TEXT.map((name) =>
    readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8'),
  ).join('\n')
  const ids = [...opened.tokenize(text, { special: false, bos: false })]
  await opened.close()
  return new Map(
    Array.from({ length: count }, (_, i) => [
      pathId(i + 1),
      ids.slice(i * length, (i + 1) * length),
    ]),
  )
}

export async function benchFuse(model: BenchModel, settings: Settings): Promise<void> {
  for (const size of SIZES) await benchSize(model, settings, size)
}

async function benchSize(
  model: BenchModel,
  settings: Settings,
  { paths, length }: (typeof SIZES)[number],
): Promise<void> {
  const engine = openEngine(settings, JOBS)
  const run = engine.think(
    {
      problem: 'How does this program work?',
      model: model.file,
      settings: {
        strategy: 'parallel',
        paths,
        budget: 1,
        summaryBudget: 1,
        finish: 'last',
        sampling: { temperature: 0 },
        controls: { fusion: 'cache' },
        engine: engineSettings(settings),
      },
    },
    { given: await textPaths(model, settings, paths, length - 1) },
  )
  const end = () => nextEvent(run, ({ type }) => type === 'run-ended')
  const firstToken = async (fusion: Fusion) => {
    const start = performance.now()
    const { segment } = await run.command({ type: 'summarise', fusion })
    await nextEvent(run, (event) => event.type === 'tokens' && event.segment === segment)
    const ms = performance.now() - start
    await end()
    return ms
  }
  await end()
  const joined: number[] = [],
    reread: number[] = []
  for (let round = 0; round < settings.rounds; round++) {
    // With another token in the first path, all cells of the others have to move.
    await run.command({ type: 'extend', segment: pathId(1), tokens: 1 })
    await end()
    joined.push(await firstToken('cache'))
    reread.push(await firstToken('reread'))
  }
  await engine.close()
  printTable(
    `From the end of ${paths} paths of ${length} tokens to the first summary token, ${model.name} (${settings.threads} threads, ${settings.rounds} rounds)`,
    ['from the cache, ms', 're-read, ms', 'times sooner'],
    [[median(joined), median(reread), median(reread.map((ms, i) => ms / joined[i]!))]],
  )
}
