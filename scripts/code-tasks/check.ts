/**
 * `npm run code-tasks -- check`: every reference passes all of its tests, no test passes without a
 * program, and no prompt holds the call of a test. Exit code 1 if that is not so.
 */
import { join } from 'node:path'
import { runTests, WITHOUT_NETWORK } from './run.ts'
import { readTasks, type Task } from './tasks.ts'

export const FILES = ['python', 'javascript'].map((name) =>
  join(import.meta.dirname, `${name}.jsonl`),
)

/** Returns what is wrong with a task. */
export async function faults(task: Task): Promise<string[]> {
  const { name, prompt, reference, tests } = task
  const passed = await runTests(task, reference)
  const empty = await runTests(task, '')
  return [
    ...(prompt.includes(`\`${name}(`) ? [] : ['the prompt does not name the function']),
    ...tests.flatMap(({ call, result }, i) => [
      ...(passed[i] ? [] : [`the reference fails ${call} == ${result}`]),
      ...(empty[i] ? [`${call} == ${result} passes without a program`] : []),
      ...(prompt.includes(call) ? [`the prompt holds ${call}`] : []),
    ]),
  ]
}

export async function check(): Promise<void> {
  for (const file of FILES) {
    const { tasks, sha256 } = readTasks(file)
    const names = new Set(tasks.map(({ name }) => name))
    if (names.size < tasks.length) throw new Error(`${file}: two tasks have the same name.`)
    let tests = 0
    for (const task of tasks) {
      tests += task.tests.length
      for (const fault of await faults(task)) {
        console.log(`${task.name}: ${fault}`)
        process.exitCode = 1
      }
    }
    console.log(`${file} (${sha256}): ${tasks.length} tasks, ${tests} tests`)
  }
  if (WITHOUT_NETWORK.length === 0)
    console.log('This system does not let a process lose its network.')
}
