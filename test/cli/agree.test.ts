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
  return { ...written, closed }
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
    const { stdout, stderr, closed } = await run(
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
    expect(closed).toBe(1)
  })

  it.each([
    ['{', /line 1: /],
    ['{"question": "q", "attempts": ["a"]}\n{"question": "q"}', /line 2: .*\n.*attempts/],
    ['{"question": "q", "attempts": []}', /line 1: /],
    ['\n', /holds no attempts/],
    [`{"question": ${'['.repeat(99)}${']'.repeat(99)}}`, /line 1: it nests more than 64 levels/],
  ])('refuses %j', async (lines, message) => {
    const failed = run(lines)
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.toBeInstanceOf(UsageError)
  })
})
