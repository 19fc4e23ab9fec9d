/** Tries each GPU backend in a process of its own before this one loads it: a bad driver is skipped, with its reason. */
import { z } from 'zod'
import { lastLine, spawnProgram } from '../programs/index.ts'
import type { GpuLibrary } from '../native/index.ts'
import { DeviceInfo } from '../protocol/models.ts'

const Answer = z.object({
  loaded: z.boolean(),
  devices: z.array(DeviceInfo),
  wrong: z.string().optional(),
})

export interface Probe {
  library: GpuLibrary
  /** What the backend offers. */
  devices: DeviceInfo[]
  /** Why it is not used; undefined: it is. */
  reason?: string
}

export interface ProbeOptions {
  /** Milliseconds after which a driver counts as hanging. */
  limitMs?: number
  /** The program that tries; another one in tests. */
  spawn?: (library: string) => ReturnType<typeof spawnProgram>
}

/** Never fails: what goes wrong is the reason. */
export async function probe(library: GpuLibrary, options: ProbeOptions = {}): Promise<Probe> {
  const limitMs = options.limitMs ?? 15_000
  const spawn = options.spawn ?? ((file) => spawnProgram('native/probe-main', [file]))
  const bad = (reason: string): Probe => ({ library, devices: [], reason })
  const child = spawn(library.file)
  const said = lastLine(child.stdout!, 1_048_576)
  const log = lastLine(child.stderr!)
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limitMs)
  const ended = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) =>
      resolve(code === 0 ? null : signal === null ? `exit code ${code}` : `signal ${signal}`),
    )
  })
  clearTimeout(timer)
  if (late) return bad(`It did not answer within ${limitMs / 1000} s: its driver hangs.`)
  if (ended !== null) {
    // NVIDIA's words where the kernels were compiled for a newer driver than this one.
    const hint = /unsupported toolchain|no kernel image/.test(log())
      ? ' A newer driver of the GPU runs it; so may the CUDA 12 build, beside its own runtime.'
      : ''
    return bad(
      `It ended with ${ended} when it was tried${log() === '' ? '' : `: ${log().slice(-300)}`}.${hint}`,
    )
  }
  const answer = parse(said())
  if (answer === undefined) return bad('It answered in a way that is not understood.')
  if (!answer.loaded) return bad('Its library could not be loaded: there is no driver for it.')
  if (answer.devices.length === 0) return bad('It found no device that it can use.')
  if (answer.wrong !== undefined) return bad(`${answer.wrong} does not compute as it should.`)
  return { library, devices: answer.devices }
}

/** The last line: drivers like to print. */
function parse(said: string): z.infer<typeof Answer> | undefined {
  try {
    return Answer.parse(JSON.parse(said))
  } catch {
    return undefined
  }
}
