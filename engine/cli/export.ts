import { writeFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { exportRuns, type Format } from '../transcripts/export/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { RunStore } from '../transcripts/index.ts'
import { print } from './usage.ts'

export function addExport(program: Command): void {
  program
    .command('export')
    .description('export a run, or several for comparison, to one file')
    .argument('<run...>', 'names from `braid runs`')
    .addOption(
      new Option('-f, --format <format>', 'format of the file')
        .choices(['md', 'json', 'html'])
        .default('md'),
    )
    .option('-o, --out <file>', 'file to write (default: stdout)')
    .action(async (runs: string[], { format, out }: { format: Format; out?: string }) => {
      const { content } = await exportRuns(new RunStore(dataFolder()), runs, format)
      if (out === undefined) await print(content)
      else writeFileSync(out, content)
    })
}
