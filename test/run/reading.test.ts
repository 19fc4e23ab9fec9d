/** What a run says while its summary reads the paths. */
import { expect, it } from 'vitest'
import { positionsUsed } from '../../engine/protocol/positions.ts'
import { newEngine, start, tinyFile } from './support.ts'

it.each(['cache', 'reread'] as const)(
  'by %s: it says how much it has read, up to all of it, before its first token',
  async (fusion) => {
    const { file } = tinyFile({ endless: true, pairs: 0 })
    const told: number[] = []
    const late: number[] = []
    const run = start(
      newEngine(),
      file,
      'the answer to it',
      {
        paths: 3,
        budget: 200,
        summaryBudget: 20,
        finish: 'last',
        question: 'text',
        controls: { fusion },
        engine: { device: 'cpu', threads: 1 },
      },
      {
        onReading: (segment, fraction) => {
          expect(segment).toBe('s1')
          const written = run.handle.state.summaries[0]?.tokens.length ?? 0
          ;(written === 0 ? told : late).push(fraction)
        },
      },
    )
    await run.end()
    await run.close()
    expect(run.segment('s1')).toMatchObject({ fusion, reads: ['p1', 'p2', 'p3'] })
    expect(told.length).toBeGreaterThan(0)
    expect(told).toEqual([...told].sort((a, b) => a - b))
    expect(told.every((fraction) => fraction > 0 && fraction <= 1)).toBe(true)
    expect(told.at(-1)).toBe(1)
    expect(late).toEqual([])
    // The summary read all three paths, one behind another, of the positions that the model was trained for.
    const { positions } = run.state
    expect(positions).toBe(4096)
    expect(positionsUsed(run.state)).toBeGreaterThan(3 * 200 + 20)
    expect(positionsUsed(run.state)).toBeLessThan(positions!)
  },
)
