import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { gradesIn } from '../../engine/lab/index.ts'

const root = new URL('../../', import.meta.url).pathname
const braid = (args: string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/braid.mjs'), ...args],
    { input, encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}
const lines = [
  { text: 'The answer is 72, which is the total.', answer: 'So 8 * 9 = 72.\n#### 72' },
  { text: 'Here are 5 ideas.', answer: 5 },
  { text: '\\boxed{1234567890123456789}', answer: '1234567890123456788' },
]
  .map((line) => JSON.stringify(line))
  .join('\n')
const verdicts = [
  { stated: { text: '72', span: [14, 16], kind: 'final-answer' }, equal: true },
  { stated: null, equal: false },
  { stated: { text: '1234567890123456789', span: [7, 26], kind: 'boxed' }, equal: false },
]

it('prints a verdict per text, and a table', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'braid-grade-')), 'texts.jsonl')
  writeFileSync(file, lines)
  for (const ran of [braid(['grade', file]), braid(['grade', '-'], lines)]) {
    expect(ran.status).toBe(0)
    expect(
      ran.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(verdicts)
    expect(ran.stderr).toMatch(/^all\s+3\s+1\s+33\.3$/m)
  }
}, 60_000)

it('takes the last number by that rule', () => {
  const [, second] = gradesIn('texts', lines, 'last-number')
  expect(second).toMatchObject({ stated: { text: '5', kind: 'last-number' }, equal: true })
})

it.each([
  ['{"text":"a","answer":"1"}\n{bad', /texts, line 2: this is not valid JSON/],
  ['{"text":3,"answer":"1"}', /texts, line 1: .*text/s],
  ['\n{"text":"a"}', /texts, line 2: no field "answer"/],
  ['[]\n', null],
  ['7', /texts, line 1/],
])('names the line that cannot be used: %j', (content, message) => {
  const grade = () => gradesIn('texts', content, 'stated')
  if (message === null) expect(grade()).toEqual([])
  else
    expect(grade).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
    )
})

it('fails with a message for a bad line and for no file', () => {
  const bad = braid(['grade', '-'], '{"text":"a","answer":"1"}\n{"text":"a"}')
  expect([bad.status, bad.stdout]).toEqual([1, ''])
  expect(bad.stderr).toContain('stdin, line 2')
  expect(braid(['grade', '/nowhere.jsonl']).stderr).toContain('Cannot read /nowhere.jsonl')
}, 60_000)
