import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { braid } from '../support/cli.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { PROGRAMS } from '../support/scripts.ts'

/** `braid solve` of a question that asks for code, with the real sandbox. */
describe('braid solve, programs', () => {
  const data = mkdtempSync(join(tmpdir(), 'braid-programs-'))
  const model = writeScripted(PROGRAMS)
  afterAll(() => {
    rmSync(data, { recursive: true })
    rmSync(dirname(model), { recursive: true })
  })
  const flags = ['--paths', '6', '--budget', '120', '--seed', '3', '--threads', '1']
  const solve = (...more: string[]) =>
    braid(['solve', 'What is total?', '--model', model, ...flags, ...more], {
      env: { BRAID_DATA: data },
    })

  it('prints what they return and the one that is chosen, and says that they ran', async () => {
    const { code, stdout, stderr } = await solve()
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/--- Programs\n\d of 6 programs return the same for \d of 4 calls\./)
    expect(stdout).toMatch(/^total\(\[1, 2, 3\]\) +(?:[63] +){5}[63]$/m)
    const [, answer] = stdout.split(/--- Answer: path \d\n/)
    expect(answer).toMatch(/return sum\(items\)|result \+= value/)
    expect(stderr).toContain('Programs run in a sandbox')
    expect(stderr).toMatch(/\d+ probe tokens in .*; programs ran for/)
  })

  it('runs nothing with --no-run, and says so', async () => {
    const { code, stdout, stderr } = await solve('--no-run', '--instruction', 'Merge them!')
    expect(code, stderr).toBe(0)
    expect(stdout).not.toContain('--- Programs')
    expect(stdout).toMatch(/--- Summary 1[^]*Merged:/)
    expect(stderr).toContain('Running programs is switched off')
    expect(stderr).not.toContain('probe tokens')
  })

  it('takes every question for one that asks for code with --vote behaviour', async () => {
    const { code, stdout, stderr } = await solve('--vote', 'behaviour', '--budget', '3')
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('Kind of question: code')
    expect(stderr).toContain('No attempt has a program that can run here')
    expect(stdout).toContain('--- Summary 1')
  })
})
