/**
 * A program that adds tasks to the list of a data folder, as one of several. `FILE NAME COUNT`:
 * prints "ready", and once anything comes on stdin adds COUNT tasks, whose work fails at once, and
 * prints how many it has. It lives until stdin ends.
 */
import { once } from 'node:events'
import { Tasks } from '../../engine/models/tasks.ts'

const [file, name, count] = process.argv.slice(2) as [string, string, string]
const tasks = new Tasks(file, {
  run: () => Promise.reject(new Error('no network')),
  discard: () => Promise.resolve(),
})
console.log('ready')
await once(process.stdin, 'data')
for (let i = 0; i < Number(count); i++) {
  tasks.add(`${name}${i}`, { kind: 'convert', folder: '/f', type: 'q8_0', output: `/${name}${i}` })
  await new Promise((resolve) => setTimeout(resolve, i % 3))
}
console.log(tasks.list().length)
await once(process.stdin, 'end')
