/**
 * Runs llama.cpp's quantiser in its own process, because it cannot be interrupted and may abort.
 * Arguments: input, output, type, threads. Prints one JSON line: `{}` or `{ code, message }`.
 */
import { loadAddon } from '../../native/index.ts'
import { toBraidError } from '../../protocol/errors.ts'

const [input, output, type, threads] = process.argv.slice(2)
try {
  await loadAddon({ gpu: false }).quantize(input!, output!, type!, Number(threads))
  process.stdout.write('{}\n')
} catch (error) {
  const { code, message } = toBraidError(error)
  process.stdout.write(`${JSON.stringify({ code, message })}\n`)
  process.exitCode = 1
}
