import { Command } from 'commander'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { addAgree, type Runner } from '../../engine/cli/agree.ts'
import { UsageError } from '../../engine/cli/usage.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-agree-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'attempts.jsonl')

async function run(lines: string) {
  writeFileSync(file, lines)
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text)
      return true
    }),
  )
  let closed = 0
  const runner: Runner = {
    run: ({ calls, program }) =>
      Promise.resolve(calls.map(() => ({ value: program.includes('wrong') ? '0' : '1' }))),
    close: () => Promise.resolve(void closed++),
  }
  try {
    const program = new Command()
    addAgree(program, () => Promise.resolve(runner))
    await program.parseAsync(['agree', file], { from: 'user' })
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  const { exitCode } = process
  process.exitCode = undefined
  return { ...written, closed, exitCode }
}

const block = (code: string) => `\`\`\`python\n${code}\n\`\`\``

describe('braid agree', () => {
  it('prints one line per question and a table', async () => {
    const attempts = [
      'I do not know.',
      block('def f(x):\n    return "wrong"'),
      block('def f(x):\n    return x'),
      block('def f(y):\n    return y'),
    ]
    const { stdout, stderr, closed, exitCode } = await run(
      [
        JSON.stringify({ question: 'Write f(x).', attempts, probe: 'f(1)\nf([2])' }),
        '',
        JSON.stringify({ question: 'Write a poem.', attempts: ['Roses'] }),
      ].join('\n'),
    )
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      {
        function: 'f',
        calls: ['f(1)', 'f([2])'],
        programs: [
          { agreement: 0, ran: 0, abstained: 'no code' },
          { agreement: 0, ran: 2, abstained: null },
          { agreement: 2, ran: 2, abstained: null },
          { agreement: 2, ran: 2, abstained: null },
        ],
        winner: 2,
      },
      {
        function: null,
        calls: [],
        programs: [{ agreement: 0, ran: 0, abstained: 'no code' }],
        winner: null,
      },
    ])
    expect(stderr).toMatch(/^line +function +calls +programs +winner +agreement +ran +missed\n/)
    expect(stderr).toMatch(/\n +1 +f +2 +3 +2 +2 of 6 +2 +0\n/)
    expect(stderr).toContain('no program')
    expect([closed, exitCode]).toEqual([1, undefined])
  })

  it('reports a line that cannot be used in its place, and judges the others', async () => {
    const good = JSON.stringify({
      question: 'Write f(x).',
      attempts: [block('def f(x):\n    return x'), block('def f(y):\n    return y')],
      probe: 'f(1)',
    })
    const many = JSON.stringify({ question: 'q', attempts: Array<string>(65).fill('a') })
    const bad: [line: string, why: RegExp][] = [
      ['{', /line 1: this is not valid JSON/],
      ['{"question": "q"}', /line 2: .*attempts/s],
      [many, /line 3: .*64/s],
      [`{"question": ${'['.repeat(99)}${']'.repeat(99)}}`, /line 4: .*more than 64 levels/],
      ['7', /line 5: /],
    ]
    const rest = [
      good,
      '{"question": "q", "attempts": ["a"], "probe": null}',
      '{"question": "q", "attempts": []}',
      '{"question": "f(1)", "attempts": ["```constructor\\nx\\n```", "```__proto__\\nx\\n```"]}',
    ]
    const { stdout, stderr, exitCode } = await run(
      [...bad.map(([line]) => line), ...rest].join('\n'),
    )
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([
      ...bad.map(([, why]) => ({
        error: { code: 'bad-request', message: expect.stringMatching(why) },
      })),
      { function: 'f', winner: 0 },
      { winner: null, programs: [{ abstained: 'no code' }] },
      { winner: null, programs: [] },
      { winner: null, programs: [{}, {}] },
    ])
    for (const [, why] of bad) expect(stderr).toMatch(why)
    expect(exitCode).toBe(1)
  })

  it('refuses a file without attempts', async () => {
    await expect(run('\n')).rejects.toThrow(/holds no attempts/)
    await expect(run('\n')).rejects.toBeInstanceOf(UsageError)
  })
})
