import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { allSegments, foldRun } from '../../engine/protocol/fold.ts'
import { runStarted, sampleRun, tokensOf } from '../support/sample-run.ts'
import { code, file, store, write } from './support.ts'

describe('alternatives', () => {
  it('are in the side file, found by token, through branches and summaries, also while it grows', () => {
    const events = sampleRun('r1')
    const { writer } = store.create('r1')
    for (const event of events.slice(0, 10)) writer.append(event)
    expect(store.alternatives('r1', 'p1', 1, 1)[0]).toHaveLength(2)
    for (const event of events.slice(10)) writer.append(event)
    store.close('r1')
    expect(readFileSync(file('r1.jsonl'), 'utf8')).not.toContain('alternatives":[')
    const state = foldRun(events)
    for (const { segment, tokens } of allSegments(state)) {
      const wanted = [...tokens].map((token) => token.alternatives ?? null)
      expect(store.alternatives('r1', segment, 0, wanted.length)).toEqual(wanted)
      for (const [i, one] of wanted.entries())
        expect(store.alternatives('r1', segment, i, 1)).toEqual([one])
    }
    expect(store.alternatives('r1', 'p1', 10_000, 2)).toEqual([null, null])
    expect(store.alternatives('r1', 'p77', 0, 1)).toEqual([null])
  })

  it('go on after a restart with the right index, over a torn line', () => {
    write('r1', sampleRun('r1').slice(0, 8))
    appendFileSync(file('r1.alt'), '{"segment":"p1","ind')
    const before = foldRun(store.events('r1')).paths[0]!.tokens.length
    const tokens = tokensOf('more', 9)
    store.append('r1').append({ type: 'tokens', at: 50, segment: 'p1', tokens })
    store.close('r1')
    expect(store.alternatives('r1', 'p1', before, tokens.length)).toEqual(
      tokens.map((token) => token.alternatives),
    )
  })

  it('that are not a file fail alone: the run opens and is listed', async () => {
    write('r1', sampleRun('r1'))
    rmSync(file('r1.alt'))
    mkdirSync(file('r1.alt'))
    expect(code(() => store.alternatives('r1', 'p1', 0, 1))).toBe('bad-path')
    expect(store.events('r1')).toHaveLength(sampleRun('r1').length)
    expect((await store.list()).map((run) => run.status)).toEqual(['ended'])
    expect(code(() => store.append('r1'))).toBe('bad-path')
  })

  it('make no file where none were recorded', () => {
    write('r1', [
      runStarted('r1'),
      { type: 'tokens', at: 1, segment: 'p1', tokens: tokensOf('abc', 1, false) },
    ])
    expect(existsSync(file('r1.alt'))).toBe(false)
    expect(store.alternatives('r1', 'p1', 0, 2)).toEqual([null, null])
  })
})
