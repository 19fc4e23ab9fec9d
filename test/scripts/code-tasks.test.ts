import { describe, expect, it } from 'vitest'
import { programsIn } from '../../engine/agree/index.ts'
import { faults, FILES } from '../../scripts/code-tasks/check.ts'
import { runJob } from '../../scripts/code-tasks/run.ts'
import { differenceOf, scoreTask, tableOf } from '../../scripts/code-tasks/score.ts'
import { readTasks, type Task } from '../../scripts/code-tasks/tasks.ts'

const sets = FILES.map((file) => readTasks(file).tasks)
const block = (code: string, tag: string) => `\`\`\`${tag}\n${code}\`\`\``

describe('programming tasks', () => {
  it('are 40 and 12, each with its own name', () => {
    expect(sets.map(({ length }) => length)).toEqual([40, 12])
    expect(new Set(sets.flat().map(({ name }) => name)).size).toBe(52)
  })

  it.each(sets.flat())('$name: the reference is found as an attempt', (task) => {
    const { prompt, name, language, reference, tests } = task
    const { function: found, programs } = programsIn(prompt, [block(reference, language)])
    expect(found).toBe(name)
    expect(programs[0]).toEqual({ language, source: expect.stringContaining(name) as string })
    for (const { call } of tests) expect(prompt).not.toContain(call)
  })

  it('in JavaScript are solved by their references only', async () => {
    for (const task of sets[1]!) expect([task.name, await faults(task)]).toEqual([task.name, []])
  })

  const task: Task = {
    name: 'half',
    language: 'javascript',
    prompt: 'Write half(n).',
    reference: '',
    tests: [1, 2, 3, 4].map((n) => ({ call: `half(${n})`, result: `${n} / 2` })),
  }
  const right = block('const half = (n) => n / 2\n', 'js')
  const wrong = block('function half(n) {\n  return Math.round(n / 2)\n}\n', 'js')
  const loop = block('function half(n) {\n  for (;;);\n}\n', 'js')
  const exits = block('function half(n) {\n  if (n < 2) process.exit(0)\n  return n / 2\n}\n', 'js')

  it('are scored per method', async () => {
    const written = (text: string) => ({ text, score: null })
    const result = await scoreTask(
      {
        task,
        paths: [wrong, right, 'No idea.', right].map(written),
        greedy: exits,
        rewritten: new Map([[4, wrong]]),
        probe: 'half(5)',
      },
      [2, 4],
      runJob,
    )
    const passed = (n: number) => ({ passed: n, tests: 4 })
    expect(Object.fromEntries(result)).toEqual({
      'one path': [passed(2), passed(4), passed(0), passed(4)],
      greedy: [passed(3)],
      'rewritten from 4': [passed(2)],
      'behaviour of 2': [passed(2)],
      'behaviour of 2, calls of the tests': [passed(2)],
      'best of 2': [passed(4)],
      'behaviour of 4': [passed(4)],
      'behaviour of 4, calls of the tests': [passed(4)],
      'best of 4': [passed(4)],
    })
    const rows = tableOf([result, result], 0)
    const share = (method: string) => {
      const { n, tests, tasks } = rows.find((row) => row.method === method)!
      return [n, tests.value, tasks.value]
    }
    expect(share('one path')).toEqual([2, 10 / 16, 0.5])
    expect(share('greedy')).toEqual([2, 0.75, 0])
    expect(share('best of 4')).toEqual([2, 1, 1])
    const { n, tests, tasks } = differenceOf([result, result], ['behaviour of 4', 'one path'], 0)
    expect([n, tests.value, tests.low, tests.high]).toEqual([2, 0.375, 0.375, 0.375])
    expect(tasks.value).toBe(0.5)
  })

  it('end programs that do not end', async () => {
    const calls = ['half(1)', 'half(2)']
    const { programs } = programsIn('half(', [loop, exits])
    const outcomes = programs.map((program) =>
      runJob({ ...task, calls, program: 'source' in program ? program.source : '' }),
    )
    expect(await Promise.all(outcomes)).toEqual([
      [{ error: expect.any(String) as string }, { error: expect.any(String) as string }],
      [{ error: 'ended' }, { value: '1' }],
    ])
  })
})
