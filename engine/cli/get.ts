import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { convert, CONVERT_TYPES, type ConvertType } from '../models/convert/index.ts'
import { getFiles, look, Net, planOf, type HubRepo } from '../models/download/index.ts'
import { readCatalogue } from '../models/index.ts'
import { ModelRegistry } from '../models/index.ts'
import { toBraidError } from '../protocol/errors.ts'
import { noticeText } from '../protocol/wording.ts'
import { size } from '../transcripts/export/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { ProgressLine } from './progress-line.ts'
import { table } from './table.ts'
import { print, say, UsageError } from './usage.ts'

interface Flags {
  out?: string
  list?: boolean
  type: ConvertType
  sha256?: string
  json?: boolean
  hub?: string
}

/**
 * Adds `braid get`, the only command that connects to the internet, and only to the address it was
 * given.
 */
export function addGet(program: Command): void {
  program
    .command('get')
    .description('download a model; without an argument, list the models that Braid knows')
    .argument(
      '[model]',
      'a name from the catalogue, a Hugging Face repository (org/name or org/name:Q4_K_M) or an address',
    )
    .option('-o, --out <folder>', "folder for the model (default: Braid's own folder)")
    .option('--list', 'list what the repository offers, with sizes')
    .addOption(
      new Option('--type <type>', 'type of the weights if the model must be converted')
        .choices(CONVERT_TYPES)
        .default('q8_0'),
    )
    .option('--sha256 <hex>', 'expected SHA-256 of the file at an address')
    .option(
      '--hub <address>',
      'address of the hub (default: https://huggingface.co); HF_TOKEN holds the token for gated models',
    )
    .option('--json', 'print as JSON')
    .action(async (model: string | undefined, flags: Flags) => {
      const catalogue = readCatalogue()
      if (model === undefined)
        return await print(
          flags.json === true
            ? JSON.stringify(catalogue) + '\n'
            : table(
                ['name', 'parallel', 'licence', 'good for'],
                catalogue.map((one) => [
                  one.id,
                  one.parallel ? 'yes' : 'no',
                  one.licence,
                  one.goodFor.en,
                ]),
              ),
        )
      if (flags.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(flags.sha256))
        throw new UsageError('--sha256 takes 64 hexadecimal digits.')
      const net = new Net({ hub: flags.hub })
      const cancel = new AbortController()
      const stop = () => cancel.abort()
      process.once('SIGINT', stop)
      try {
        await get(net, model, flags, cancel.signal)
      } finally {
        process.off('SIGINT', stop)
        await net.close()
      }
    })
}

async function get(net: Net, model: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const registry = new ModelRegistry(dataFolder())
  const root = flags.out === undefined ? registry.downloads : resolve(flags.out)
  const line = new ProgressLine()
  const onProgress = ({
    done,
    total,
    file,
    phase,
  }: {
    done: number
    total: number | null
    file: string
    phase: string
  }) =>
    line.show(
      total ? done / total : 0,
      `${phase === 'check' ? 'checking ' : ''}${file}  ${size(done)}${total === null ? '' : ` of ${size(total)}`}`,
    )
  try {
    const found = await look(net, model, readCatalogue(), signal).catch((error: unknown) => {
      throw toBraidError(error).code === 'bad-request'
        ? new UsageError((error as Error).message)
        : error
    })
    if (found.kind === 'repo' && (flags.list === true || found.chosen === undefined))
      return await offer(found.repo, flags)
    const { folder, files: wanted, convertTo } = planOf(net, found, undefined, flags.sha256)
    const at = join(root, folder)
    const output =
      convertTo === undefined ? undefined : join(at, '..', `${convertTo}-${flags.type}.gguf`)
    const there = output !== undefined && existsSync(output)
    const files = there
      ? wanted.map(({ name }) => join(at, name)).filter((file) => existsSync(file))
      : await getFiles(net, at, wanted, { signal, onProgress })
    const notices: string[] = []
    if (output !== undefined && !there) {
      const converted = await convert({
        folder: at,
        output,
        type: flags.type,
        signal,
        onProgress: ({ fraction, label }) => line.show(fraction, `converting ${label}`),
      })
      notices.push(...converted.notices.map(noticeText))
    }
    const made = output === undefined ? files : [output, ...files]
    // Add the model to the window's list as well.
    await (flags.out === undefined ? registry.addDownloaded(made) : registry.add(made[0]!))
    line.done()
    await print(
      flags.json === true
        ? JSON.stringify({ files: output === undefined ? files : [output] }) + '\n'
        : `${made[0]!}\n`,
    )
    for (const notice of notices) say(notice)
    if (output !== undefined && files.length > 0)
      say(`The original stays in ${at}; it is needed only for another conversion.`)
  } finally {
    line.done()
  }
}

async function offer(repo: HubRepo, flags: Flags): Promise<void> {
  if (flags.json === true) return print(JSON.stringify(repo) + '\n')
  await print(
    table(
      ['get', 'size', 'files'],
      repo.choices.map((choice) => [
        `${repo.repo}:${choice.name}`,
        size(choice.sizeBytes),
        String(choice.files.length),
      ]),
      new Set([1, 2]),
    ),
  )
  if (flags.list !== true)
    throw new UsageError(
      repo.choices.length === 0
        ? `${repo.repo} has no model that Braid can use.`
        : 'Choose one of these.',
    )
}
