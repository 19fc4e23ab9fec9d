/** `npm run setup [-- --bench]`, `npm run cuda [-- 12|13]`: builds what `npm start` and `npm test` need. */
import { chooseCuda, type CudaMajor } from './native/gpu.ts'
import { ensureNative, ensureTools, SetupError } from './native/index.ts'
import { printProgress } from './native/progress.ts'

async function main(args: string[]): Promise<void> {
  const onProgress = printProgress()
  const known = ['--bench', '--cuda', '12', '13']
  const unknown = args.find((arg) => !known.includes(arg))
  if (unknown) throw new SetupError(`Unknown argument ${unknown}; known: ${known.join(', ')}`)
  const start = performance.now()
  if (args.includes('--cuda')) {
    const major = args.map(Number).find((n): n is CudaMajor => n === 12 || n === 13)
    console.error(await chooseCuda(major, onProgress))
  }
  const native = await ensureNative(onProgress)
  if (args.includes('--bench')) console.error(JSON.stringify(await ensureTools(onProgress)))
  const gpu = native.gpu.map((backend) => backend.backend).join(', ') || 'none'
  console.error(
    `Engine ready in ${native.folder} (llama.cpp ${native.llamaCpp.tag}, GPU backends: ${gpu}), ${((performance.now() - start) / 1000).toFixed(1)} s`,
  )
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof SetupError ? error.message : error)
  process.exitCode = 1
})
