import { resolve } from 'node:path'
import type { Command } from 'commander'
import { toBraidError, type BraidError } from '../protocol/errors.ts'
import { FORK_FORMS } from '../protocol/forks.ts'
import { MAX_BUDGET, MAX_PATHS } from '../protocol/request.ts'
import type { Fit, ModelInfo } from '../protocol/wire.ts'
import { size } from '../transcripts/export/index.ts'
import { deviceList, openFits, withChoices } from './engine.ts'
import { describeServer, endpointOf } from './endpoint.ts'
import {
  addEndpointFlags,
  addEngineFlags,
  engineOptions,
  type EndpointFlags,
  type EngineFlags,
} from './engine-flags.ts'
import { workerDevices } from './pairing.ts'
import { printable } from '../protocol/controls.ts'
import { integer, print, UsageError } from './usage.ts'

interface ModelFlags extends EngineFlags, EndpointFlags {
  paths?: number
  budget?: number
  json?: boolean
}

export function addModel(program: Command): void {
  addEndpointFlags(
    addEngineFlags(
      program
        .command('model')
        .description("show a model's metadata and memory needs, or what a server can do"),
      false,
    ),
  )
    .argument('[file]', 'GGUF file')
    .option('-p, --paths <n>', 'number of paths', integer(1, MAX_PATHS))
    .option('-b, --budget <n>', 'tokens per path', integer(1, MAX_BUDGET))
    .option('--json', 'print as JSON')
    .action(async (file: string | undefined, flags: ModelFlags) => {
      const endpoint = await endpointOf({ ...flags, model: file })
      if (endpoint !== null) return print(await describeServer(endpoint, flags.json === true))
      if (file === undefined) throw new UsageError('Name a GGUF file, or a server (--endpoint).')
      const { paths, budget } = flags
      const engine = engineOptions(await withChoices({ ...flags, model: file }))
      const at = resolve(file)
      const [{ readModelInfo }, { systemFree }] = await Promise.all([
        import('../models/index.ts'),
        import('../models/index.ts'),
      ])
      const info = await readModelInfo(at)
      const fits = await openFits()
      const devices = await deviceList()
      const settings = { paths, budget, engine }
      const workers = flags.workers && { workers: await workerDevices(flags.workers) }
      const fit = await fits
        .fit({ file: at, settings, devices, ...workers, free: systemFree() })
        .catch(toBraidError) // a file can be described without the engine
      await fits.close()
      await print(
        flags.json === true
          ? JSON.stringify({ ...info, ...(fit instanceof Error ? { error: fit } : { fit }) }) + '\n'
          : describe(info, fit, { paths, budget }),
      )
    })
}

function describe(
  info: ModelInfo,
  fit: Fit | BraidError,
  asked: { paths?: number; budget?: number },
): string {
  const { defaults } = info
  const rows: [string, string][] = [
    ['name', info.name],
    ['file', info.file],
    ['architecture', info.architecture],
    [
      'size',
      `${size(info.sizeBytes)}, ${(info.parameters / 1e9).toFixed(2)} G parameters, ${info.quantisation}`,
    ],
    ['trained context', `${info.trainContext} tokens`],
    ['layers', `${info.layers}, heads ${info.heads}, KV heads ${info.kvHeads} of ${info.headDim}`],
    ['vocabulary', String(info.vocabSize)],
    ['control tokens', info.controlTokens.join(' ') || 'none'],
    [
      'native paths',
      info.nativePaths === 0
        ? `none: paths are fused ${info.cannotJoin === undefined ? 'from the cache, one behind another' : 'by re-reading their texts'}`
        : String(info.nativePaths),
    ],
    ['forks', info.forks === undefined ? 'none' : FORK_FORMS[info.forks].name],
    ['thought rows', info.thoughtRows === 0 ? 'none' : String(info.thoughtRows)],
    [
      'KV bytes per token',
      Object.entries(info.kvBytesPerToken)
        .map(([type, bytes]) => `${type} ${bytes}`)
        .join(', '),
    ],
    ...memory(fit, asked, defaults),
    ['header sha256', info.headerSha256],
  ]
  if (info.cannotJoin !== undefined) rows.push(['cannot join', `${info.cannotJoin} memory`])
  if (info.licence !== undefined) rows.push(['licence', info.licence])
  if (info.scope !== undefined) rows.push(['trained for', info.scope])
  return rows
    .map(([name, value]) => `${name.padEnd(17)} ${printable(value).replace(/\n/g, ' ')}\n`)
    .join('')
}

function memory(
  fit: Fit | BraidError,
  asked: { paths?: number; budget?: number },
  defaults: ModelInfo['defaults'],
): [string, string][] {
  if (fit instanceof Error) return [['memory', `unknown: ${fit.message}`]]
  const { total, weights, kv, cells, compute, free } = fit
  return [
    [
      'memory',
      `${size(total)} for ${asked.paths ?? defaults.paths} paths of ${asked.budget ?? defaults.budget} tokens: weights ${size(weights)}, KV ${size(kv)} (${cells} cells), compute ${size(compute)}`,
    ],
    ['free', `${size(free)}: ${verdict(fit)}`],
  ]
}

function verdict({ verdict: how, short }: Fit): string {
  if (short !== undefined) return `does not fit: ${short.device} lacks ${size(short.bytes)}`
  return how === 'fits' ? 'fits' : 'fits, but may be slow'
}
