/**
 * Returns the milliseconds of processor time that this process spends on `work`. A bound on it holds on a busy machine,
 * where elapsed time also measures other processes.
 */
export function cpuMs(work: () => unknown): number {
  const start = process.cpuUsage()
  work()
  return since(start)
}

/** Returns the milliseconds of processor time since `start`, an earlier `process.cpuUsage()`. */
export function since(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}
