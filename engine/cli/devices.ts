import type { Command } from 'commander'
import { Devices } from '../devices/index.ts'
import { size } from '../transcripts/export/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { table } from './table.ts'
import { printable } from '../protocol/controls.ts'
import { errorText } from '../protocol/events.ts'
import { print, say } from './usage.ts'

export function addDevices(program: Command): void {
  program
    .command('devices')
    .description('list the devices that a model can run on')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nThe environment variable BRAID_CPU selects a CPU variant, such as haswell or zen4, instead of the best one.',
    )
    .action(async ({ json }: { json?: boolean }) => {
      const state = await new Devices(dataFolder()).state()
      if (json === true) return print(JSON.stringify(state) + '\n')
      const rows = state.devices.map((one) => [
        one.name,
        one.type,
        one.type === 'cpu' && state.cpu !== '' ? `${one.backend} (${state.cpu})` : one.backend,
        printable(one.description),
        size(one.memoryFree),
        size(one.memoryTotal),
      ])
      await print(
        table(['device', 'type', 'backend', 'description', 'free', 'total'], rows, new Set([4, 5])),
      )
      for (const { backend, state: how, reason, fetch } of state.backends) {
        if (reason !== undefined) say(`${backend}: skipped. ${printable(errorText(reason))}`)
        if (how === 'absent' && fetch !== undefined)
          say(
            `${backend}: not installed; the devices page of the window downloads it (${size(fetch.sizeBytes)}${fetch.needs === undefined ? '' : `, needs ${fetch.needs}`}).`,
          )
      }
    })
}
