import type { Command } from 'commander'
import { z } from 'zod'
import type { RunJob } from '../agree/index.ts'
import type { Agreement, Job, Outcome } from '../protocol/agreement.ts'
import { reasonText } from '../protocol/wording.ts'
import { MAX_PATHS, MAX_PROBLEM_CHARS } from '../protocol/request.ts'
import { table } from './table.ts'
import { print, readInput, refused, say, UsageError } from './usage.ts'

/** Runs programs that a model wrote, without any effect outside; `close` ends what runs. */
export interface Runner {
  run: (job: Job, signal: AbortSignal) => Promise<readonly Outcome[]>
  close: () => Promise<void>
}

const Text = z.string().max(MAX_PROBLEM_CHARS)
const Line = z.object({
  question: Text,
  attempts: z.array(Text).max(MAX_PATHS),
  /** The model's answer to the request for calls. */
  probe: Text.nullish().transform((probe) => probe ?? undefined),
})

/** Adds `braid agree`, which judges recorded attempts without a model. `open` starts the sandbox. */
export function addAgree(program: Command, open: () => Promise<Runner> = openSandbox): void {
  program
    .command('agree')
    .description('run the programs in recorded attempts and choose those that agree most')
    .argument(
      '<file>',
      'JSON lines: {"question": text, "attempts": [text], "probe": text}; probe is optional; - reads stdin',
    )
    .addHelpText(
      'after',
      '\nA line that cannot be used has {"error": {"code", "message"}} in its place; the others are judged.',
    )
    .action(async (file: string) => {
      const [{ agree }, { readEach }] = await Promise.all([
        import('../agree/index.ts'),
        import('../lab/index.ts'),
      ])
      const name = file === '-' ? 'stdin' : file
      const lines = readEach(name, await readInput(file), (value) => Line.parse(value))
      if (lines.length === 0) throw new UsageError(`${name} holds no attempts.`)
      const cancel = new AbortController()
      const stop = () => cancel.abort()
      process.once('SIGINT', stop)
      const runner = await open()
      const run: RunJob = (job) => runner.run(job, cancel.signal)
      try {
        const rows: string[][] = []
        for (const [i, line] of lines.entries()) {
          if ('error' in line) {
            await print(`${JSON.stringify(refused(line.error))}\n`)
            rows.push([String(i + 1), '', '', '', '', 'cannot be used', '', ''])
            continue
          }
          const agreement = await agree(line.value, run)
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
