// `npm run format [-- --check]`: formats every source file. Prettier formats TypeScript, JavaScript, JSON, CSS,
// HTML and YAML; clang-format C++; ruff Python. The last two are WebAssembly builds from npm, so that the lock file
// pins what they write. `--check` changes nothing and lists the files that differ; exit code 1 if there are any.
import { format as formatCpp } from '@wasm-fmt/clang-format'
import { PositionEncoding, Workspace } from '@astral-sh/ruff-wasm-nodejs'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root } from './renderer.ts'

const check = process.argv.includes('--check')

function tracked(...patterns: string[]): string[] {
  const { stdout, status } = spawnSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '--', ...patterns],
    { cwd: root, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error('Formatting needs git and a checkout, to list the files.')
  return stdout.split('\n').filter((file) => file !== '')
}

/** Returns the files that differ; writes them unless `check` is set. */
function apply(files: string[], format: (source: string, name: string) => string): string[] {
  return files.filter((file) => {
    const source = readFileSync(join(root, file), 'utf8')
    const formatted = format(source, basename(file))
    if (formatted !== source && !check) writeFileSync(join(root, file), formatted)
    return formatted !== source
  })
}

const style = readFileSync(join(root, '.clang-format'), 'utf8')
const ruff = new Workspace({ 'line-length': 100 }, PositionEncoding.Utf16)
const changed = [
  ...apply(tracked('*.cpp', '*.h'), (source, name) => formatCpp(source, name, style)),
  ...apply(tracked('*.py'), (source) => ruff.format(source)),
]
for (const file of changed) console.log(check ? `${file} is not formatted` : file)

const prettier = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/prettier/bin/prettier.cjs'),
    check ? '--check' : '--write',
    '--cache',
    '--cache-strategy=content',
    `--cache-location=${join(root, 'node_modules', '.cache', 'braid', 'prettier')}`,
    '--log-level',
    'warn',
    '.',
  ],
  { cwd: root, stdio: 'inherit' },
)
if (prettier.status !== 0) process.exitCode = prettier.status ?? 1
if (check && changed.length > 0) process.exitCode = 1
if (check && process.exitCode) console.error('Run `npm run format`.')
