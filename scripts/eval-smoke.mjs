#!/usr/bin/env node
// `npm run eval:smoke`: 100 held-out problems with the bundled model. Fails unless 8 paths are 15 points better than one.
// Further arguments go to `braid eval`, such as --model FILE.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LEAST = 0.15
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const out = mkdtempSync(join(tmpdir(), 'braid-smoke-'))
try {
  const { status } = spawnSync(
    process.execPath,
    [
      here('braid.mjs'),
      'eval',
      '--data',
      here('../training/data/heldout4.jsonl'),
      '--limit',
      '100',
      '--strategies',
      'parallel',
      '--paths',
      '1,8',
      '--out',
      out,
      ...process.argv.slice(2),
    ],
    { stdio: 'inherit' },
  )
  if (status !== 0) process.exit(status ?? 1)
  const { cells } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'))
  const of = (paths) => cells.find((cell) => cell.paths === paths)
  const [one, eight] = [of(1), of(8)]
  const gain = eight.accuracy - one.accuracy
  console.log(
    `8 paths: ${eight.correct} of ${eight.n}; 1 path: ${one.correct} of ${one.n}; ${(gain * 100).toFixed(1)} points, at least ${LEAST * 100} are needed`,
  )
  process.exitCode = gain >= LEAST ? 0 : 1
} finally {
  rmSync(out, { recursive: true, force: true })
}
