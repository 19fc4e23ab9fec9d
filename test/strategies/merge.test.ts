import { describe, expect, it } from 'vitest'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { obey } from '../../engine/strategies/index.ts'
import { begin, finish } from './small-runs.ts'

describe('merge', () => {
  const merge = (asked: RunRequest['settings'] = {}) =>
    begin({ strategy: 'merge', finish: 'last', question: 'code', ...asked }, false)

  it('opens one merged answer, and compares no programs', () => {
    const run = merge()
    for (const segment of ['p1', 'p2']) {
      run.token(segment)
      run.end(segment, 'finished')
    }
    run.token('p3')
    run.end('p3', 'finished')
    expect(run.ask()).toMatchObject([
      { type: 'open', role: 'summary', merge: true, reads: ['p1', 'p2', 'p3'] },
    ])
    run.advance()
    finish(run, 's1')
    expect([run.finished, run.comparing]).toEqual([true, null])
  })

  it('merges on command unless another way is asked for', () => {
    const run = merge()
    finish(run, 'p1', 'p2', 'p3', 's1')
    const asked = (command: object) => {
      const { actions } = obey({ type: 'summarise', ...command }, run.view, {
        paths: 253,
        vocabulary: 100,
      })
      return actions.flatMap((one) => (one.type === 'open' ? [one] : []))
    }
    expect(asked({})).toMatchObject([{ merge: true }])
    expect(asked({ fusion: 'reread' })[0]).not.toHaveProperty('merge')
    expect(asked({ instruction: 'Be brief.' })[0]).not.toHaveProperty('merge')
  })
})
