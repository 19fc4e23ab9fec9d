import { Option, type Command } from 'commander'
import {
  CONVERT_TYPES,
  convert,
  type ConvertProgress,
  type ConvertType,
} from '../models/convert/index.ts'
import { toBraidError } from '../protocol/errors.ts'
import { noticeText } from '../protocol/wording.ts'
import { size } from '../transcripts/export/index.ts'
import { ProgressLine } from './progress-line.ts'
import { integer, print, say } from './usage.ts'

interface Flags {
  type: ConvertType
  force?: boolean
  threads?: number
  json?: boolean
}

export function addConvert(program: Command): void {
  program
    .command('convert')
    .description(
      'convert a Hugging Face folder (Qwen2, Qwen3 or Llama) to a GGUF, including thought tables',
    )
    .argument('<folder>', 'folder with config.json, tokenizer.json and safetensors')
    .argument('<file>', 'GGUF file to write')
    .addOption(
      new Option('--type <type>', 'type of the weights').choices(CONVERT_TYPES).default('q8_0'),
    )
    .option('--threads <n>', 'threads of the quantiser; 0: one per core', integer(0, 512))
    .option('--force', 'replace an existing file')
    .option('--json', 'print the result as JSON')
    .action(async (folder: string, output: string, { type, force, threads, json }: Flags) => {
      const cancel = new AbortController()
      const stop = () => cancel.abort()
      process.once('SIGINT', stop)
      const line = new ProgressLine()
      try {
        const made = await convert({
          folder,
          output,
          type,
          overwrite: force,
          threads,
          signal: cancel.signal,
          onProgress: (progress) => line.show(progress.fraction, words(progress)),
        })
        line.done()
        const notices = made.notices.map(noticeText)
        if (json === true) return await print(JSON.stringify({ ...made, notices }) + '\n')
        await print(`${made.file}\n`)
        say(
          `${made.architecture}, ${made.tensors} tensors, ${size(made.sizeBytes)}, tokenizer ${made.tokenizer}${made.thoughtRows > 0 ? `, ${made.thoughtRows} thoughts` : ''}`,
        )
        for (const notice of notices) say(notice)
      } catch (error) {
        line.done()
        if (['cancelled', 'disk-full'].includes(toBraidError(error).code))
          say(
            `The same command resumes where this one stopped; the partial result is in ${output}.partial.`,
          )
        throw error
      } finally {
        process.off('SIGINT', stop)
      }
    })
}

function words({ phase, label }: ConvertProgress): string {
  return phase === 'convert' ? label : phase === 'quantise' ? `quantising to ${label}` : 'checking'
}
