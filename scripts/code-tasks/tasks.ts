/** Programming tasks with tests: python.jsonl and javascript.jsonl. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

export const Task = z.strictObject({
  /** The function that the tests call. */
  name: z.string(),
  language: z.enum(['python', 'javascript']),
  prompt: z.string(),
  /** A program that passes the tests. */
  reference: z.string(),
  /** Expressions in the language of the task: a call, and what it must equal. */
  tests: z.array(z.strictObject({ call: z.string(), result: z.string() })).min(5),
})
export type Task = z.infer<typeof Task>

export interface TaskSet {
  tasks: Task[]
  /** SHA-256 of the file, in hex. */
  sha256: string
}

export function readTasks(file: string): TaskSet {
  const bytes = readFileSync(file)
  const tasks = bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => Task.parse(JSON.parse(line)))
  return { tasks, sha256: createHash('sha256').update(bytes).digest('hex') }
}
