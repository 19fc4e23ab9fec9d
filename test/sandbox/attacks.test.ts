import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Sandbox, type Job } from '../../engine/sandbox/index.ts'
import { javascript, python, type Attack } from './attacks.ts'
import { worded } from './worded.ts'

/** A program that loops takes half of it. */
const MS = 700

const home = mkdtempSync(join(tmpdir(), 'braid-attacks-'))
const canary = join(home, 'secret.txt')
const sandbox = new Sandbox({ ms: MS })
const { signal } = new AbortController()
let server: Server
let connections = 0

const port = (): number => (server.address() as AddressInfo).port
const run = async (job: Job) => (await sandbox.run(job, signal)).map(worded)

beforeAll(async () => {
  writeFileSync(canary, 'secret')
  server = createServer(() => connections++).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  await sandbox.warm()
})
afterAll(async () => {
  await sandbox.close()
  server.close()
  rmSync(home, { recursive: true })
})

/** Runs an attack, checks its outcome, and that the sandbox still works. */
async function attack(
  language: 'python' | 'javascript',
  [, program, wanted]: Attack,
): Promise<void> {
  const start = performance.now()
  const [outcome] = await run({ language, program, calls: ['f()'] })
  expect(performance.now() - start).toBeLessThan(15_000)
  if (wanted === 'limit') expect(outcome).toHaveProperty('error')
  else if (wanted === 'reach') expect(Object.keys(outcome!)[0]).toMatch(/^(error|abstained)$/)
  else
    expect('value' in outcome! ? outcome.value : JSON.stringify(outcome)).toEqual(
      typeof wanted.value === 'string' ? wanted.value : expect.stringMatching(wanted.value),
    )
  expect(JSON.stringify(outcome).length).toBeLessThan(4_096)
  expect(await run({ language, program: 'x = 20', calls: ['x + 1'] })).toEqual([{ value: '21' }])
}

const outside = (): unknown => ({
  secret: readFileSync(canary, 'utf8'),
  home: readdirSync(home),
  touched: existsSync('/tmp/braid-attack'),
  connections,
})
const untouched = { secret: 'secret', home: ['secret.txt'], touched: false, connections: 0 }

describe('a program that attacks the sandbox has no effect outside, and the next one runs', () => {
  // The addresses are known only later: these are the same programs with others.
  it.each(python(canary, 0).map(([name], i) => [name, i] as const))('Python: %s', async (_, i) => {
    await attack('python', python(canary, port())[i]!)
    expect(outside()).toEqual(untouched)
  })
  it.each(javascript(canary, 0).map(([name], i) => [name, i] as const))(
    'JavaScript: %s',
    async (_, i) => {
      await attack('javascript', javascript(canary, port())[i]!)
      expect(outside()).toEqual(untouched)
    },
  )
})

it('a call that hangs or crashes takes its own outcome and no other', async () => {
  const program = [
    'import os, sys',
    'def f(x):',
    '    if x == 1:',
    '        while True: pass',
    '    if x == 2: os._exit(3)',
    '    if x == 3: return 9 ** 9 ** 9',
    '    if x == 4: print("x" * 10 ** 6)',
    '    return x',
  ].join('\n')
  const slow = new Sandbox({ ms: 3_000 })
  const outcomes = await slow.run(
    { language: 'python', program, calls: [0, 1, 2, 3, 4, 5].map((x) => `f(${x})`) },
    signal,
  )
  await slow.close()
  expect(outcomes.map(worded)).toEqual([
    { value: '0' },
    { error: expect.any(String) },
    { abstained: expect.any(String) },
    { error: expect.any(String) },
    { error: 'It prints more than 64 KB.' },
    { value: '5' },
  ])
})
