#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { addConvert } from './cli/convert.ts'
import { addDevices } from './cli/devices.ts'
import { addEval } from './cli/eval.ts'
import { addExport } from './cli/export.ts'
import { addGet } from './cli/get.ts'
import { addModel } from './cli/model.ts'
import { addRuns } from './cli/runs.ts'
import { addScore } from './cli/score.ts'
import { addServe } from './cli/serve.ts'
import { addSolve } from './cli/solve.ts'
import { EXIT, exitCodeOf, say } from './cli/usage.ts'
import { toBraidError } from './protocol/errors.ts'
import { braidVersion } from './version.ts'

/** `braid ...`: one file a command in cli/. Exit codes: 0 ok, 1 failed, 2 wrong use, 130 interrupted. */
const program = new Command('braid')
  .description('Native parallel thinking with local models')
  .version(braidVersion())
  .exitOverride()

for (const add of [
  addSolve,
  addScore,
  addDevices,
  addModel,
  addConvert,
  addGet,
  addEval,
  addExport,
  addRuns,
  addServe,
])
  add(program)
for (const command of program.commands) command.exitOverride()

// A reader that left (`braid ... | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed),
)

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError)
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  else {
    say(`braid: ${toBraidError(error).message}`)
    process.exitCode = exitCodeOf(error)
  }
}
