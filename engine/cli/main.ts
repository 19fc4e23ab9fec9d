#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { addAgree } from './agree.ts'
import { addApi } from './api.ts'
import { addBank } from './bank.ts'
import { addConvert } from './convert.ts'
import { addDevices } from './devices.ts'
import { addEval } from './eval.ts'
import { addExport } from './export.ts'
import { addGet } from './get.ts'
import { addGrade } from './grade.ts'
import { addModel } from './model.ts'
import { addRuns } from './runs.ts'
import { addScore } from './score.ts'
import { addServe } from './serve.ts'
import { addSolve } from './solve.ts'
import { addWorker } from './worker.ts'
import { EXIT, exitCodeOf, outputFailed, say, watchOutput } from './usage.ts'
import { toBraidError } from '../protocol/errors.ts'
import { isAbandoned } from '../native/index.ts'
import { braidVersion } from '../programs/index.ts'

/**
 * The `braid` command; each subcommand is one file in cli/. Exit codes: 0 ok, 1 failed, 2 wrong
 * usage, 130 interrupted.
 */
const program = new Command('braid')
  .description('Native parallel thinking with local models')
  .version(braidVersion())
  .exitOverride()
  .configureOutput({ writeErr: (text) => say(text.trimEnd()) })

for (const add of [
  addSolve,
  addScore,
  addDevices,
  addModel,
  addConvert,
  addGet,
  addEval,
  addBank,
  addGrade,
  addAgree,
  addExport,
  addRuns,
  addServe,
  addApi,
  addWorker,
])
  add(program)
for (const command of program.commands) command.exitOverride()

watchOutput()
process.on('uncaughtException', (error: unknown) => {
  say(`braid: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  process.exit(EXIT.failed)
})

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
if (outputFailed()) process.exitCode ||= EXIT.failed
// A thread that waits for a worker that is gone would keep the process alive.
if (isAbandoned()) process.exit()
