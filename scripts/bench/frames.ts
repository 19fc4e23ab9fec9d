/** (e) The window's frames, in a process of its own whose code knows the DOM. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('../../test/renderer/browser/frames.bench.ts', import.meta.url))

export function benchFrames(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', BENCH], { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`The frames benchmark ended with ${code}.`)),
    )
  })
}
