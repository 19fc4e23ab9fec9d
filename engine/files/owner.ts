/**
 * Names a process so that it can be found again, and is not mistaken for a later process with the
 * same id: `id system start`. `system` names the system that counts the ids (a boot, and on Linux a
 * namespace of ids), `start` is when the process started, in the system's own words. Both are
 * missing where the system does not report them (Windows).
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

let self: string | undefined

/** Returns this process's name. */
export function ownName(): string {
  return (self ??= [String(process.pid), ownSystem(), startOf(process.pid)]
    .filter((part) => part !== undefined)
    .join(' '))
}

/**
 * Returns whether the process of this name lives. `unknown`: a process has its id, but nothing
 * shows whether it is the same, or the name is of another system.
 */
export function stateOf(name: string): 'alive' | 'dead' | 'unknown' {
  const [id, system, start] = name.split(' ')
  const pid = Number(id)
  if (!Number.isInteger(pid) || pid <= 0) return 'dead'
  if (system !== undefined && system !== ownSystem()) return 'unknown'
  if (!runs(pid)) return 'dead'
  const now = start === undefined ? undefined : startOf(pid)
  return now === undefined ? 'unknown' : now === start ? 'alive' : 'dead'
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !/^[ZX]/.test(linuxStat(pid)?.[0] ?? '') // a zombie still accepts signals
}

let system: string | null | undefined
function ownSystem(): string | undefined {
  system ??= systemName() ?? null
  return system ?? undefined
}

function systemName(): string | undefined {
  if (process.platform === 'darwin') return 'darwin' // `start` is a date, so it is unique over boots
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

/** Returns when a process started; undefined if it is not known. */
function startOf(pid: number): string | undefined {
  // proc(5): the state is field 3, the start is field 22, in clock ticks since the boot.
  if (process.platform !== 'darwin') return linuxStat(pid)?.[19]
  try {
    const env = { LC_ALL: 'C', TZ: 'UTC' }
    const options = { env, encoding: 'latin1', timeout: 5000, stdio: 'pipe' } as const
    const text = execFileSync('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], options)
    return text.trim().replace(/\s+/g, '-') || undefined
  } catch {
    return undefined
  }
}

/** Returns the fields of /proc/<pid>/stat from the state on; undefined if it cannot be read. */
function linuxStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
