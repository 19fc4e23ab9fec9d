import { existsSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import type { Command } from 'commander'
import { BraidError } from '../protocol/errors.ts'
import { errorText, type EventOf, type RunEvent } from '../protocol/events.ts'
import { applyEvent, EMPTY_RUN, type RunState } from '../protocol/fold.ts'
import type { RunSettings } from '../protocol/request.ts'
import { noticeText } from '../protocol/wording.ts'
import { exportRuns, type Format } from '../transcripts/export/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { RunStore } from '../transcripts/index.ts'
import { newRunId } from '../transcripts/index.ts'
import { record } from '../transcripts/index.ts'
import { openEngine, withChoices } from './engine.ts'
import { endpointOf } from './endpoint.ts'
import { Lanes } from './lanes.ts'
import { PlainText, resultText } from './plain.ts'
import { addSolveFlags, solveRequest, type SolveFlags } from './solve-flags.ts'
import { EXIT, print, readStdin, say, UsageError } from './usage.ts'

const FORMATS: Record<string, Format> = { '.json': 'json', '.md': 'md', '.html': 'html' }

export function addSolve(program: Command): void {
  addSolveFlags(
    program.command('solve').description('think about a problem along several paths and answer it'),
  )
    .configureOutput({
      outputError: (text, write) =>
        write(
          text.replace(
            /^error: unknown option '(?!--[a-z-]+')[^]*'(?=\n?$)/,
            "$& (put a problem that begins with - after --, as in: braid solve -- '-2 + 3')",
          ),
        ),
    })
    .argument('<problem>', 'the problem; - reads it from stdin')
    .option('--json', 'print only events to stdout, one per line')
    .option('--out <file>', 'also write the run to a .json, .md or .html file')
    .action(async (problem: string, flags: SolveFlags) => {
      process.exitCode = await solve(problem, flags)
    })
}

async function solve(given: string, asked: SolveFlags): Promise<number> {
  const endpoint = await endpointOf(asked)
  const flags = endpoint === null ? await withChoices(asked) : { ...asked, model: endpoint.model }
  const out = flags.out === undefined ? undefined : outFile(flags.out)
  const problem = given === '-' ? (await readStdin()).replace(/\r?\n$/, '') : given
  const request = solveRequest(problem, { ...flags, alone: flags.alone ?? true })
  const store = new RunStore(dataFolder())
  const { Sandbox } = await import('../sandbox/index.ts')
  const sandbox = new Sandbox()
  const engine = await openEngine(endpoint === null ? flags.device : 'cpu', {
    runPrograms: (job, signal) => sandbox.run(job, signal),
    ...(endpoint !== null && { keyOf: endpoint.keyOf }),
  })
  const run = newRunId()
  const handle = engine.think(request, { id: run, onProgress: loadProgress() })
  const interrupts = new Interrupts(
    () => void handle.command({ type: 'cancel' }).catch(() => handle.close()),
  )
  const view =
    flags.json === true ? null : process.stdout.isTTY ? new Lanes(process.stdout) : new PlainText()
  let state = EMPTY_RUN
  let end: EventOf<'run-ended'> | EventOf<'run-failed'> | undefined
  try {
    for await (const { event, stored } of record(store, run, handle.events)) {
      if (flags.json === true) await print(JSON.stringify(event) + '\n')
      state = applyEvent(state, stored)
      if (event.type === 'run-started') tellStart(event)
      if (event.type === 'notice') say(noticeText(event))
      if (event.type === 'segment-started' && event.role === 'probe')
        say('Programs run in a sandbox, without files and network (--no-run: not at all).')
      if (event.type === 'question') say(`Kind of question: ${event.kind}`)
      await view?.show(state)
      if (event.type !== 'run-ended' && event.type !== 'run-failed') continue
      end = event
      break
    }
    await view?.done(state)
  } finally {
    await engine.close()
    await sandbox.close()
  }
  if (end === undefined) throw new BraidError('internal', 'The run stopped without an end.')
  if (view instanceof Lanes) await print(resultText(state))
  if (out !== undefined && state.run !== '') {
    writeFileSync(out.file, (await exportRuns(store, [run], out.format)).content)
  }
  tellEnd(state, end, run)
  if (end.type === 'run-failed')
    return end.error.code === 'cancelled' || interrupts.asked ? EXIT.interrupted : EXIT.failed
  return end.reason === 'cancelled' || interrupts.asked ? EXIT.interrupted : EXIT.ok
}

/**
 * Checks the output file before the run, so that a wrong name does not cost an hour of thinking.
 */
function outFile(name: string): { file: string; format: Format } {
  const file = resolve(name)
  const format = FORMATS[extname(file).toLowerCase()]
  if (format === undefined)
    throw new UsageError(`--out ${name}: the name must end in .json, .md or .html.`)
  if (!existsSync(dirname(file)))
    throw new UsageError(`--out ${name}: the folder ${dirname(file)} does not exist.`)
  if (existsSync(file) && !statSync(file).isFile())
    throw new UsageError(`--out ${name}: it is not a file.`)
  return { file, format }
}

/**
 * Handles Ctrl-C and SIGTERM: the first ends the run and keeps its transcript, the second ends the
 * process. Listens until the process ends, so that a signal does not kill it while the last files
 * are being written.
 */
class Interrupts {
  asked = false

  constructor(stop: () => void) {
    const interrupt = () => {
      if (this.asked) process.exit(EXIT.interrupted)
      this.asked = true
      say('Stopping. Press Ctrl-C again to quit at once.')
      stop()
    }
    process.on('SIGINT', interrupt)
    process.on('SIGTERM', interrupt)
  }
}

function loadProgress(): ((fraction: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined
  return (fraction) =>
    process.stderr.write(
      `\rLoading the model: ${Math.round(fraction * 100)} %${fraction >= 1 ? '\r\x1b[K' : ''}`,
    )
}

function tellStart({
  model,
  engine,
  settings,
  fusion,
  promptTokens,
  run,
}: EventOf<'run-started'>): void {
  const kind = model.architecture === undefined ? '' : ` (${model.architecture})`
  const by = model.capabilities?.dialect ?? `llama.cpp ${engine.llama}`
  say(`${model.name}${kind} on ${engine.device}, ${by}; run ${run}`)
  if (model.scope !== undefined) say(`Trained for: ${model.scope}`)
  const prompt = promptTokens === undefined ? '' : ` prompt=${promptTokens.length} tokens`
  say(`${settingsLine(settings)} fusion=${fusion}${prompt}`)
}

/** Returns the final settings, including defaults, in the form of flags. */
function settingsLine({
  sampling,
  engine,
  controls,
  system: _,
  instruction: _i,
  templateVariables,
  alternatives,
  ...settings
}: RunSettings): string {
  const flags = {
    ...settings,
    ...templateVariables,
    top: alternatives,
    ...sampling,
    ...engine,
    thoughtEmbedding: controls.thoughtEmbedding,
    sameToken: controls.sameToken,
  }
  return Object.entries(flags)
    .map(
      ([name, value]) =>
        `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}=${value}`,
    )
    .join(' ')
}

function tellEnd(state: RunState, end: RunEvent, run: string): void {
  if (end.type === 'run-failed') say(`braid: ${errorText(end.error)} (${end.error.code})`)
  if (end.type === 'run-ended') {
    const { promptTokens, pathTokens, summaryTokens, probeTokens, judgeTokens } = end.usage
    const { loadMs, prefillMs, pathsMs, joinMs, summaryMs, totalMs } = end.timings
    const { probeMs = 0, judgeMs = 0, programsMs = 0 } = end.timings
    const s = (ms: number) => `${(ms / 1000).toFixed(2)} s`
    say(
      `${promptTokens} prompt, ${pathTokens} path and ${summaryTokens} summary tokens; load ${s(loadMs)}, prefill ${s(prefillMs)}, paths ${s(pathsMs)}, join ${joinMs.toFixed(1)} ms, summary ${s(summaryMs)}, total ${s(totalMs)}`,
    )
    if (judgeTokens !== undefined) say(`${judgeTokens} tokens of judges in ${s(judgeMs)}`)
    if (programsMs > 0)
      say(`${probeTokens ?? 0} probe tokens in ${s(probeMs)}; programs ran for ${s(programsMs)}`)
  }
  if (state.run !== '') say(`Saved as ${run}: braid export ${run} --format md`)
}
