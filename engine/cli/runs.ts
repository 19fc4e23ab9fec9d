import type { Command } from 'commander'
import { dataFolder } from '../transcripts/index.ts'
import { RunStore } from '../transcripts/index.ts'
import { table } from './table.ts'
import type { Search } from '../protocol/wire.ts'
import { print, say } from './usage.ts'

const WHY: Record<Search['skipped'][number]['why'], string> = {
  slow: 'took too long to search.',
  damaged: 'is damaged and was not searched.',
}

export function addRuns(program: Command): void {
  program
    .command('runs')
    .description('list saved runs, newest first')
    .option('--json', 'print as JSON')
    .option('--search <words>', 'list only runs that contain all of these words')
    .action(async ({ json, search }: { json?: boolean; search?: string }) => {
      const store = new RunStore(dataFolder())
      const result = search === undefined ? undefined : await store.search(search)
      const found = result && new Set(result.hits.map(({ run }) => run))
      for (const { run, why } of result?.skipped ?? []) say(`${run} ${WHY[why]}`)
      const runs = (await store.list()).filter(({ run }) => found === undefined || found.has(run))
      if (json === true) return print(JSON.stringify(runs) + '\n')
      const rows = runs.map((run) => [
        run.run,
        run.status,
        run.strategy,
        String(run.paths),
        String(run.tokens),
        short(run.answer ?? (run.question === undefined ? '' : `(${run.question})`)),
        short(run.title),
      ])
      await print(
        table(
          ['run', 'status', 'strategy', 'paths', 'tokens', 'answer', 'title'],
          rows,
          new Set([3, 4]),
        ),
      )
    })
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
