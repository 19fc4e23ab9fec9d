import type { Command } from 'commander'
import { loadAddon } from '../native/index.ts'
import { size } from '../transcripts/export/describe.ts'
import { table } from './table.ts'
import { print, say } from './usage.ts'

export function addDevices(program: Command): void {
  program.command('devices').description('what a model can run on')
    .option('--json', 'as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const addon = loadAddon()
      const devices = addon.devices()
      if (json === true) return print(JSON.stringify(devices) + '\n')
      const rows = devices.map((one) => [one.name, one.type, one.backend, one.description, size(one.memoryFree), size(one.memoryTotal)])
      await print(table(['device', 'type', 'backend', 'description', 'free', 'total'], rows, new Set([4, 5])))
      for (const { backend, loaded } of addon.gpu) if (!loaded) say(`${backend}: its library is here, but could not be loaded (no driver?).`)
    })
}
