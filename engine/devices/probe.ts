/**
 * Probes each GPU backend in its own process before this process loads it, so that a bad driver is
 * skipped with a reason instead of crashing this process.
 */
import { z } from 'zod'
import { endOf, lastLine, spawnProgram } from '../programs/index.ts'
import type { GpuLibrary } from '../native/index.ts'
import { fail } from '../protocol/errors.ts'
import { runError, type RunError } from '../protocol/events.ts'
import { DeviceInfo } from '../protocol/models.ts'

const Answer = z.object({
  loaded: z.boolean(),
  devices: z.array(DeviceInfo),
  wrong: z.string().optional(),
})

export interface Probe {
  library: GpuLibrary
  /** Devices that the backend offers. */
  devices: DeviceInfo[]
  /** Why the backend is not used; undefined if it is used. */
  reason?: RunError
}

export interface ProbeOptions {
  /** Milliseconds after which a driver is considered to hang. */
  limitMs?: number
  /** Starts the probing program; tests use another one. */
  spawn?: (library: string) => ReturnType<typeof spawnProgram>
}

/** Probes a backend. Never rejects: any error becomes the reason. */
export async function probe(library: GpuLibrary, options: ProbeOptions = {}): Promise<Probe> {
  const limitMs = options.limitMs ?? 15_000
  const spawn = options.spawn ?? ((file) => spawnProgram('native/probe-main', [file]))
  const bad = (...why: Parameters<typeof fail>): Probe => ({
    library,
    devices: [],
    reason: runError(fail(...why)),
  })
  const child = spawn(library.file)
  const said = lastLine(child.stdout!, 1_048_576)
  const log = lastLine(child.stderr!)
  const { code, signal, error, late } = await endOf(child, limitMs)
  if (late) return bad('unknown-device/probe-hangs', { seconds: limitMs / 1000 })
  if (code !== 0) {
    const ended = error?.message ?? (signal === null ? `exit code ${code}` : `signal ${signal}`)
    // NVIDIA's messages if the kernels were compiled for a newer driver than this one.
    const old = /unsupported toolchain|no kernel image/.test(log())
    return bad(old ? 'unknown-device/probe-driver' : 'unknown-device/probe-ended', {
      reason: [ended, log().slice(-300)].filter((part) => part !== '').join(': '),
    })
  }
  const answer = parse(said())
  if (answer === undefined) return bad('unknown-device/probe-answer')
  if (!answer.loaded) return bad('unknown-device/probe-library')
  if (answer.devices.length === 0) return bad('unknown-device/probe-none')
  if (answer.wrong !== undefined) return bad('unknown-device/probe-wrong', { device: answer.wrong })
  return { library, devices: answer.devices }
}

/** Parses the last line of the output, because drivers may print lines of their own. */
function parse(said: string): z.infer<typeof Answer> | undefined {
  try {
    return Answer.parse(JSON.parse(said))
  } catch {
    return undefined
  }
}
