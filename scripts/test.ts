import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureNative } from './native/index.ts'
import { ensureRenderer, root } from './renderer.ts'

/** The part of vitest's JSON report that the last line needs. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numFailedTestSuites: number
}

const bin = (path: string) => join(root, 'node_modules', path)
function step(name: string, program: string, args: string[]): boolean {
  console.error(`== ${name}`)
  return (
    spawnSync(process.execPath, [program, ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    }).status === 0
  )
}

try {
  await ensureNative()
  ensureRenderer()
  const only = process.argv.slice(2)
  const checks =
    only.length > 0
      ? []
      : [
          step('Formatting', bin('tsx/dist/cli.mjs'), [join(root, 'scripts/format.ts'), '--check']),
          step('eslint', bin('eslint/bin/eslint.js'), ['.']),
          step('Types of the protocol', bin('typescript/bin/tsc'), ['-p', 'engine/protocol']),
          step('Types of engine, scripts and tests', bin('typescript/bin/tsc'), ['-p', '.']),
          step('Types of the page', bin('typescript/bin/tsc'), ['-p', 'test/renderer', '--noEmit']),
        ]
  const folder = mkdtempSync(join(tmpdir(), 'braid-test-'))
  const file = join(folder, 'report.json')
  const passed = step('Tests', bin('vitest/vitest.mjs'), [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...only,
  ])
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined
  rmSync(folder, { recursive: true })
  const wrong = checks.filter((ok) => !ok).length
  if (wrong > 0) console.log(`${wrong} of formatting, lint and types failed, see above`)
  console.log(
    report === undefined
      ? 'The tests did not run'
      : `${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests} skipped`,
  )
  process.exitCode = passed && wrong === 0 && report !== undefined ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
