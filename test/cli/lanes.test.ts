import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { Lanes, laneLines, tail } from '../../engine/cli/lanes.ts'
import { table } from '../../engine/cli/table.ts'
import { printable } from '../../engine/protocol/controls.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { pathStarted, runStarted, sampleRun } from '../support/sample-run.ts'

describe('lanes', () => {
  const events = sampleRun('r')

  it('are one line per path and one per summary, never wider than the terminal', () => {
    for (let n = 1; n <= events.length; n++) {
      for (const columns of [10, 40, 80, 200]) {
        const state = foldRun(events.slice(0, n))
        const lines = laneLines(state, columns, 30)
        expect(lines).toHaveLength(state.paths.length + state.summaries.length)
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
      }
    }
    expect(laneLines(foldRun(events), 100, 30)[0]).toMatch(
      /^ {2}1 done +\d+\/40 +[\d.]+ tok\/s {2}.*boxed\{4\}$/,
    )
  })

  it('leave out paths that ended where the terminal is low', () => {
    const many = [
      runStarted('r'),
      ...Array.from({ length: 20 }, (_, i) => pathStarted(0, `p${i + 1}`)),
      {
        type: 'tokens' as const,
        at: 1,
        segment: 'p17',
        tokens: [{ id: 1, text: 'here', logprob: null, entropy: null }],
      },
    ]
    const lines = laneLines(foldRun(many), 80, 5)
    expect(lines).toHaveLength(5)
    expect(lines.join('\n')).toMatch(/17 thinking[^]*16 more/)
  })

  it('are drawn in a terminal that does not know its size', () => {
    let drawn = ''
    const lanes = new Lanes({
      columns: 0,
      rows: 0,
      write: (text: string) => (drawn += text),
    } as unknown as NodeJS.WriteStream)
    lanes.show(foldRun(events))
    lanes.done()
    expect(drawn).toContain(laneLines(foldRun(events), 80, 23).join('\n'))
  })

  it('show the end of a text, in terminal cells, without what steers a terminal', () => {
    expect(tail('one two\nthree', 9)).toBe('two three')
    expect(tail('漢字漢字', 5)).toBe('漢字')
    expect(tail('a👩‍👩‍👧b', 3)).toBe('👩‍👩‍👧b')
    expect(tail('x\x1b[31mred\x07', 40)).toBe('x\ufffd[31mred\ufffd')
    expect(tail('text', 0)).toBe('')
    expect(printable('a\r\nb\tc\x9b2J\u202e\0')).toBe('a\nb\tc\ufffd2J\ufffd\ufffd')
  })
})

describe('table', () => {
  it('aligns by cells of the terminal', () => {
    expect(
      table(
        ['a', 'n'],
        [
          ['漢字', '5'],
          ['x\ny', '100'],
        ],
        new Set([1]),
      ),
    ).toBe('a       n\n漢字    5\nx y   100\n')
  })
})
