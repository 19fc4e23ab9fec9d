/**
 * `npm run code-tasks -- check`, `-- probes BANK` and `-- report --bank BANK [--greedy BANK]
 * [--probes BANK] [--paths 4,8] [--cpython] [--json]`: programming tasks to measure with.
 *
 * Recording and measuring (README.md beside this file shows the commands): `braid bank` records
 * paths of the tasks, `probes` writes the requests for calls, `braid bank` records their answers, and
 * `report` reads the banks.
 */
import { parseArgs } from 'node:util'
import { check } from './check.ts'
import { printProbes, report } from './report.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    bank: { type: 'string' },
    greedy: { type: 'string' },
    probes: { type: 'string' },
    paths: { type: 'string' },
    cpython: { type: 'boolean' },
    json: { type: 'boolean' },
  },
})
const [command, folder] = positionals
if (command === 'check') await check()
else if (command === 'probes' && folder !== undefined) printProbes(folder)
else if (command === 'report' && values.bank !== undefined)
  await report({ ...values, bank: values.bank })
else {
  console.error('Usage: npm run code-tasks -- check | probes BANK | report --bank BANK')
  process.exitCode = 2
}
