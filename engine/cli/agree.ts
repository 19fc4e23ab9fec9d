import type { Command } from 'commander'
import { z } from 'zod'
import type { RunJob } from '../agree/index.ts'
import type { Agreement, Job, Outcome } from '../protocol/agreement.ts'
import { parseJson } from '../protocol/json.ts'
import { reasonText } from '../protocol/wording.ts'
import { MAX_PATHS, MAX_PROBLEM_CHARS } from '../protocol/request.ts'
import { table } from './table.ts'
import { print, readInput, say, UsageError } from './usage.ts'

/** Runs programs that a model wrote, without any effect outside; `close` ends what runs. */
export interface Runner {
  run: (job: Job, signal: AbortSignal) => Promise<readonly Outcome[]>
  close: () => Promise<void>
}

const Text = z.string().max(MAX_PROBLEM_CHARS)
const Line = z.object({
  question: Text,
  attempts: z.array(Text).min(1).max(MAX_PATHS),
  /** The model's answer to the request for calls. */
  probe: Text.optional(),
})
type Line = z.infer<typeof Line>

/** Adds `braid agree`, which judges recorded attempts without a model. `open` starts the sandbox. */
export function addAgree(program: Command, open: () => Promise<Runner> = openSandbox): void {
  program
    .command('agree')
    .description('run the programs in recorded attempts and choose those that agree most')
    .argument(
      '<file>',
      'JSON lines: {"question": text, "attempts": [text], "probe": text}; probe is optional; - reads stdin',
    )
    .action(async (file: string) => {
      const lines = readLines(await readInput(file), file)
      const { agree } = await import('../agree/index.ts')
      const cancel = new AbortController()
      const stop = () => cancel.abort()
      process.once('SIGINT', stop)
      const runner = await open()
      const run: RunJob = (job) => runner.run(job, cancel.signal)
      try {
        const rows: string[][] = []
        for (const [i, line] of lines.entries()) {
          const agreement = await agree(line, run)
          await print(`${JSON.stringify(resultOf(agreement))}\n`)
          rows.push(rowOf(i + 1, agreement))
        }
        say(table(HEAD, rows, new Set([0, 2, 3, 4, 6, 7])).trimEnd())
      } finally {
        process.off('SIGINT', stop)
        await runner.close()
      }
    })
}

/** Starts the sandbox. */
async function openSandbox(): Promise<Runner> {
  const { Sandbox } = await import('../sandbox/index.ts')
  return new Sandbox()
}

/** Reads every line before the first one is judged. Errors: `UsageError` with the line. */
function readLines(text: string, file: string): Line[] {
  const lines = text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    try {
      return [Line.parse(parseJson(line))]
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
      throw new UsageError(`${file}, line ${i + 1}: ${why}`)
    }
  })
  if (lines.length === 0) throw new UsageError(`${file} holds no attempts.`)
  return lines
}

const resultOf = ({ function: name, calls, programs, winner }: Agreement) => ({
  function: name,
  calls: calls.map(({ text }) => text),
  programs: programs.map(({ agreement, ran, abstained }) => ({
    agreement,
    ran,
    abstained: abstained && reasonText(abstained),
  })),
  winner,
})

const HEAD = ['line', 'function', 'calls', 'programs', 'winner', 'agreement', 'ran', 'missed']

const WHY: Readonly<Record<NonNullable<Agreement['why']>, string>> = {
  'no-programs': 'no program',
  'one-program': 'only one program',
  'no-calls': 'no calls to compare',
  'no-results': 'nothing ran',
  failed: 'could not be run',
}

function rowOf(line: number, { function: name, calls, programs, winner, why }: Agreement) {
  const best = winner === null ? null : programs[winner]!
  const most = (programs.length - 1) * calls.length
  return [
    String(line),
    name ?? (calls.length > 0 ? '(reads stdin)' : ''),
    String(calls.length),
    String(programs.filter(({ source }) => source !== '').length),
    winner === null ? '' : String(winner),
    best === null ? (why === null ? '' : WHY[why]) : `${best.agreement} of ${most}`,
    best === null ? '' : String(best.ran),
    best === null ? '' : String(best.missed),
  ]
}
