/** The CPU variant: the best one unless BRAID_CPU names another. Each choice is tested in a separate process. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { cpuVariants, nativeFolder } from '../../engine/native/load.ts'
import { readBackends } from '../../scripts/native/index.ts'
import { braid } from '../support/cli.ts'

const variants = cpuVariants().map(({ name }) => name)
const built = readBackends(nativeFolder())!.cpu

/** Returns the variants that ggml initialises in a process that loads the addon with this BRAID_CPU. */
async function loadedWith(BRAID_CPU: string): Promise<{ cpu: string; mapped: string[] }> {
  const code = `
    const { loadAddon } = await import('./engine/native/index.ts')
    const addon = loadAddon({ gpu: false })
    process.report.excludeNetwork = true
    const mapped = process.report.getReport().sharedObjects
    console.log(JSON.stringify({ cpu: addon.cpu, mapped, devices: addon.devices() }))`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', code],
    { env: { ...process.env, BRAID_CPU } },
  )
  const { cpu, mapped } = JSON.parse(stdout) as { cpu: string; mapped: string[] }
  return { cpu, mapped: mapped.filter((file) => file.includes('ggml-cpu')) }
}

describe('CPU variants', () => {
  it('are those that were built and run here, the best first', () => {
    expect(variants.length).toBeGreaterThan(0)
    expect(built.length).toBeGreaterThanOrEqual(variants.length)
    const scores = cpuVariants().map(({ score }) => score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    expect(scores.at(-1)).toBeGreaterThan(0)
  })

  it('the best one is taken where none is named', async () => {
    const { cpu, mapped } = await loadedWith('')
    expect(cpu).toBe(variants[0])
    expect(mapped).toEqual([cpuVariants()[0]!.file])
  })

  it.each([...new Set([variants[0]!, variants.at(-1)!])])(
    'BRAID_CPU=%s takes that one alone, and `braid devices` shows it',
    async (name) => {
      const { cpu, mapped } = await loadedWith(name)
      expect(cpu).toBe(name)
      expect(mapped).toEqual([cpuVariants().find((one) => one.name === name)!.file])
      const { code, stdout } = await braid(['devices', '--json'], { env: { BRAID_CPU: name } })
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ cpu: name })
    },
  )

  it('a name that is none is refused with those that there are', async () => {
    const { code, stderr } = await braid(['devices'], { env: { BRAID_CPU: 'i386' } })
    expect(code).toBe(1)
    expect(stderr).toContain(
      `This build has no CPU variant "i386" (BRAID_CPU). It can run: ${variants.join(', ')}.`,
    )
  })
})
