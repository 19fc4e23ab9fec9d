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
  expect(second).toMatchObject({
    value: { stated: { text: '5', kind: 'last-number' }, equal: true },
  })
})

it.each([
  ['{"text":"a","answer":"1"}\n{bad', /texts, line 2: this is not valid JSON/],
  ['{"text":3,"answer":"1"}', /texts, line 1: .*text/s],
  ['\n{"text":"a"}', /texts, line 2: no field "answer"/],
  ['7', /texts, line 1/],
])('names the line that cannot be used: %j', (content, message) => {
  expect(gradesIn('texts', content, 'stated').at(-1)).toMatchObject({
    error: { code: 'bad-request', message: expect.stringMatching(message) },
  })
})

it('takes an empty array', () => expect(gradesIn('texts', '[]\n', 'stated')).toEqual([]))

it('goes on behind a bad line, and fails with a message for no file', () => {
  const [first] = lines.split('\n')
  const bad = braid(['grade', '-'], `${first}\n{"text":"a"}\n${first}`)
  expect(bad.status).toBe(1)
  const printed = bad.stdout.trim().split('\n')
  expect(printed.map((line) => JSON.parse(line) as object)).toMatchObject([
    verdicts[0],
    { error: { code: 'bad-request', message: expect.stringContaining('stdin, line 2') } },
    verdicts[0],
  ])
  expect(bad.stderr).toContain('stdin, line 2')
  expect(bad.stderr).toMatch(/^all\s+2\s+2/m)
  expect(braid(['grade', '/nowhere.jsonl']).stderr).toContain('Cannot read /nowhere.jsonl')
}, 60_000)
