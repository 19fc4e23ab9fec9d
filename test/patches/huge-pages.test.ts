import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NativeModel } from '../../engine/native/load.ts'
import { contextOf, openTiny } from '../native/support.ts'

/** Returns the KB of this process's memory in mappings that were advised for huge pages (`VmFlags: … hg …`, proc_pid_smaps(5)). */
function advisedKb(): number {
  return readFileSync('/proc/self/smaps', 'utf8')
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((mapping) => /^VmFlags:.*\bhg\b/m.test(mapping))
    .reduce((sum, mapping) => sum + Number(/^Size: +(\d+)/m.exec(mapping)![1]), 0)
}

describe.skipIf(process.platform !== 'linux')('huge pages (Linux)', () => {
  let model: NativeModel
  beforeAll(async () => {
    model = await openTiny()
  })
  afterAll(() => model.close())

  it('are asked for behind the KV cache', async () => {
    const before = advisedKb()
    const context = await contextOf(model, { cells: 65_536 })
    const { kvBytes } = context.info
    expect(kvBytes).toBeGreaterThan(32 << 20)
    // All except the ends, which may not be aligned to 2 MB.
    expect(advisedKb() - before).toBeGreaterThan((kvBytes - (4 << 20)) / 1024)
    await context.free()
    expect(advisedKb()).toBeLessThan(before + 1024)
  })
})
