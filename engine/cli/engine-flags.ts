import { InvalidArgumentError, Option, type Command } from 'commander'
import { FlashAttention, KvType, type EngineOptions } from '../protocol/request.ts'
import { WorkerAddresses } from '../protocol/workers.ts'
import { integer } from './usage.ts'

export interface EngineFlags {
  model?: string
  device?: string
  kvType?: EngineOptions['kvType']
  flashAttn?: EngineOptions['flashAttention']
  threads?: number
  gpuLayers?: number
  context?: number
  thoughtEmbedding?: 'on' | 'off'
  workers?: string[]
}

/** Where a model is, if it is on a server. */
export interface EndpointFlags {
  endpoint?: string
  remoteModel?: string
  apiKeyEnv?: string
}

/** Adds the flags of commands that may work with a model on a server. */
export function addEndpointFlags(command: Command): Command {
  return command
    .option(
      '--endpoint <url>',
      'use a model on an OpenAI-compatible server, such as llama-server, vLLM or Ollama',
    )
    .option('--remote-model <name>', "the server's name of the model (default: its only one)")
    .option('--api-key-env <name>', 'environment variable that holds the key of the server')
}

/** Adds the flags of every command that loads a model. */
export function addEngineFlags(command: Command, model = true): Command {
  if (model) command.option('-m, --model <file>', 'GGUF file (default: the bundled model)')
  return command
    .option(
      '--device <name>',
      'a name from `braid devices`, cpu or auto (default: the device chosen for the model in the window)',
    )
    .option(
      '--gpu-layers <n>',
      'layers on the GPU and on workers; -1: all (default: as many as fit)',
      integer(-1, 65_536),
    )
    .option(
      '--workers <addresses>',
      'HOST:PORT,...: other machines that take layers of the model (docs/workers.md)',
      workerList,
    )
    .addOption(new Option('--kv-type <type>', 'type of the KV cache').choices(KvType.options))
    .addOption(new Option('--flash-attn <mode>', 'flash attention').choices(FlashAttention.options))
    .option(
      '--threads <n>',
      'CPU threads; 0: physical cores, less one if there are more than two, and fewer while other programs use them',
      integer(0, 512),
    )
    .option('--context <n>', 'KV cells; 0: as many as needed', integer(0, 1 << 26))
    .addOption(
      new Option('--thought-embedding <mode>', 'off: add no thought embeddings').choices([
        'on',
        'off',
      ]),
    )
}

function workerList(text: string): string[] {
  const parsed = WorkerAddresses.safeParse(text.split(','))
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError('Write HOST:PORT,..., at most 8, each once.')
}

export function engineOptions({
  device,
  gpuLayers,
  kvType,
  flashAttn: flashAttention,
  threads,
  context,
  workers,
}: EngineFlags): Partial<EngineOptions> {
  const given = Object.entries({
    device,
    gpuLayers,
    kvType,
    flashAttention,
    threads,
    context,
    workers,
  }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given)
}
