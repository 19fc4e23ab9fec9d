// `npm test`: formatting, phrases, lint, types and every test, then parity and memory once more on another CPU variant.
// `npm test -- fast`: the same checks, and the tests that need no browser, no large model and no compiler.
// `npm test -- FILE...`: only these tests; further arguments go to vitest.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuVariants } from '../engine/native/index.ts'
import { ensureNative } from './native/index.ts'
import { ensureRenderer, root } from './renderer.ts'

/** The part of vitest's JSON report that the summary line needs. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
}

/** Tests of what depends on the CPU variant: the numbers, and the memory of repacked weights. */
const VARIANT_TESTS = ['decode', 'engine', 'score', 'stock']
  .map((name) => `test/parity/${name}.test.ts`)
  .concat('test/models/fit.test.ts')

const bin = (path: string) => join(root, 'node_modules', path)
const cache = (name: string) => join(root, 'node_modules', '.cache', 'braid', name)
const incremental = (name: string) => ['--incremental', '--tsBuildInfoFile', cache(name)]

/** Name, program and arguments of each check. What they keep in the cache only saves time. */
const CHECKS: [name: string, program: string, args: string[]][] = [
  ['Formatting', 'tsx/dist/cli.mjs', [join(root, 'scripts/format.ts'), '--check']],
  ['Phrases', 'tsx/dist/cli.mjs', [join(root, 'scripts/phrases.ts')]],
  ['eslint', 'eslint/bin/eslint.js', ['.', '--cache', '--cache-location', cache('eslint')]],
  ['Types of the protocol', 'typescript/bin/tsc', ['-p', 'engine/protocol']],
  ['Types of engine, scripts and tests', 'typescript/bin/tsc', ['-p', '.', ...incremental('tsc')]],
  [
    'Types of the page',
    'typescript/bin/tsc',
    ['-p', 'test/renderer', '--noEmit', ...incremental('tsc-page')],
  ],
]

/** Runs a check and prints its whole output at once, since the checks run side by side. */
function check([name, program, args]: (typeof CHECKS)[number]): Promise<boolean> {
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [bin(program), ...args],
      { cwd: root, maxBuffer: Infinity },
      (error, stdout, stderr) => {
        console.error(`== ${name}\n${stdout}${stderr}`.trimEnd())
        resolve(error === null)
      },
    ),
  )
}

/** Runs tests; returns undefined if they did not run to the end. */
function tests(name: string, args: string[], env: NodeJS.ProcessEnv = {}): Report | undefined {
  console.error(`== ${name}`)
  const folder = mkdtempSync(join(tmpdir(), 'braid-test-'))
  const file = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const { status } = spawnSync(
    process.execPath,
    [bin('vitest/vitest.mjs'), 'run', ...reporters, ...args],
    { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined
  rmSync(folder, { recursive: true })
  // A failure outside of any test, such as an unhandled rejection, shows only in the exit status.
  const unexplained = status !== 0 && report?.numFailedTests === 0
  return unexplained ? { ...report, numFailedTests: 1 } : report
}

/** Returns a variant other than the one that the tests ran on: the best one, else haswell, which most processors of the last ten years support. */
function otherVariant(): string | undefined {
  const names = cpuVariants().map(({ name }) => name)
  const used = process.env.BRAID_CPU || names[0]
  return [names[0], 'haswell', ...names].find(
    (name) => name !== undefined && name !== used && names.includes(name),
  )
}

function testAll(): (Report | undefined)[] {
  const all = tests('Tests', [])
  const BRAID_CPU = otherVariant()
  if (BRAID_CPU !== undefined)
    return [all, tests(`Tests on the CPU variant ${BRAID_CPU}`, VARIANT_TESTS, { BRAID_CPU })]
  console.error('== This processor has only one CPU variant: there is no other one to run on')
  return [all]
}

try {
  await ensureNative()
  const [first, ...rest] = process.argv.slice(2)
  const fast = first === 'fast'
  const whole = first === undefined
  if (!fast) ensureRenderer()
  const checked = whole || fast ? await Promise.all(CHECKS.map(check)) : []
  const reports = whole
    ? testAll()
    : fast
      ? [tests('Fast tests', rest, { BRAID_TEST: 'fast' })]
      : [tests('Tests', [first, ...rest])]

  const wrong = checked.filter((ok) => !ok).length
  if (wrong > 0) console.log(`${wrong} checks of formatting, lint and types failed, see above`)
  const done = reports.filter((report) => report !== undefined)
  const sum = (key: keyof Report) => done.reduce((total, report) => total + report[key], 0)
  const failed = sum('numFailedTests')
  console.log(
    done.length < reports.length
      ? 'The tests did not run'
      : `${sum('numPassedTests')} passed, ${failed} failed, ${sum('numPendingTests')} skipped`,
  )
  process.exitCode = done.length === reports.length && wrong === 0 && failed === 0 ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
