import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Option, type Command } from 'commander'
import { convert, CONVERT_TYPES, type ConvertType } from '../models/convert/index.ts'
import { chooseFor, getFiles, Net, parseHubRef, readCatalogue, readRepo, wantedFiles, type CatalogueEntry, type HubChoice, type HubRef, type HubRepo } from '../models/download/index.ts'
import { size } from '../transcripts/export/describe.ts'
import { dataFolder } from '../transcripts/folder.ts'
import { ProgressLine } from './progress-line.ts'
import { table } from './table.ts'
import { print, say, UsageError } from './usage.ts'

interface Flags { out?: string; list?: boolean; type: ConvertType; sha256?: string; json?: boolean; hub?: string }

/** The only command that opens a connection to the internet, and only to what it was given. */
export function addGet(program: Command): void {
  program.command('get').description('download a model; without one: those that Braid knows')
    .argument('[model]', 'a name of the catalogue, a Hugging Face repository (org/name or org/name:Q4_K_M), or an address')
    .option('-o, --out <folder>', 'where to put it (default: Braid\'s own folder)')
    .option('--list', 'what the repository offers, with sizes')
    .addOption(new Option('--type <type>', 'of a model that has to be converted').choices(CONVERT_TYPES).default('q8_0'))
    .option('--sha256 <hex>', 'what an address must give')
    .option('--hub <address>', 'another hub than https://huggingface.co (a token for gated models is read from HF_TOKEN)')
    .option('--json', 'as JSON')
    .action(async (model: string | undefined, flags: Flags) => {
      const catalogue = readCatalogue(catalogueFile())
      if (model === undefined) return await print(flags.json === true ? JSON.stringify(catalogue) + '\n' : table(['name', 'parallel', 'licence', 'good for'], catalogue.map((one) => [one.id, one.parallel ? 'yes' : 'no', one.licence, one.goodFor])))
      if (flags.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(flags.sha256)) throw new UsageError('--sha256 takes 64 hexadecimal digits.')
      const net = new Net({ hub: flags.hub })
      const cancel = new AbortController()
      const stop = () => cancel.abort()
      process.once('SIGINT', stop)
      try {
        await get(net, model, catalogue.find(({ id }) => id === model), flags, cancel.signal)
      } finally {
        process.off('SIGINT', stop)
        await net.close()
      }
    })
}

async function get(net: Net, model: string, known: CatalogueEntry | undefined, flags: Flags, signal: AbortSignal): Promise<void> {
  const ref: HubRef | undefined = known ? { repo: known.repo, quantisation: known.kind === 'folder' ? 'safetensors' : known.choice } : parseHubRef(model, net.hub)
  const folder = flags.out ?? join(dataFolder(), 'models')
  const line = new ProgressLine()
  const onProgress = ({ done, total, file, phase }: { done: number; total: number | null; file: string; phase: string }) => line.show(total ? done / total : 0, `${phase === 'check' ? 'checking ' : ''}${file}  ${size(done)}${total === null ? '' : ` of ${size(total)}`}`)
  try {
    if (!ref) {
      const url = net.allow(model)
      const name = decodeURIComponent(basename(url.pathname))
      if (!/\.gguf$/i.test(name)) throw new UsageError('An address must lead to a file that ends in .gguf.')
      return await done(await getFiles(net, folder, [{ url: url.href, name, sha256: flags.sha256 }], { signal, onProgress }), line, flags)
    }
    const repo = await readRepo(net, ref, signal)
    const choice = flags.list === true ? undefined : chooseFor(ref, repo)
    if (!choice) return await offer(repo, ref, flags)
    const files = await getFiles(net, join(folder, ref.repo.replace('/', '--'), choice.kind === 'folder' ? 'original' : ''), wantedFiles(net, repo, choice), { signal, onProgress })
    if (choice.kind === 'gguf') return await done(files, line, flags)
    const output = join(dirname(dirname(files[0]!)), `${ref.repo.split('/')[1]!}-${flags.type}.gguf`)
    const made = await convert({ folder: dirname(files[0]!), output, type: flags.type, signal, onProgress: ({ fraction, label }) => line.show(fraction, `converting ${label}`) })
    await done([made.file], line, flags)
    say(`The original stays in ${dirname(files[0]!)}; it is needed only to convert again.`)
  } finally {
    line.done()
  }
}

async function done(files: string[], line: ProgressLine, flags: Flags): Promise<void> {
  line.done()
  await print(flags.json === true ? JSON.stringify({ files }) + '\n' : `${files[0]!}\n`)
}

async function offer(repo: HubRepo, ref: HubRef, flags: Flags): Promise<void> {
  if (flags.json === true) return print(JSON.stringify(repo) + '\n')
  await print(table(['get', 'size', 'files'], repo.choices.map((choice) => [label(ref, choice), size(choice.sizeBytes), String(choice.files.length)]), new Set([1, 2])))
  if (flags.list !== true) throw new UsageError(repo.choices.length === 0 ? `${ref.repo} holds no model that Braid can use.` : 'Say which of these.')
}

const label = (ref: HubRef, choice: HubChoice) => `${ref.repo}:${choice.name}`

function catalogueFile(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'models', 'catalogue.json')
    if (existsSync(file)) return file
    if (folder === dirname(folder)) throw new UsageError('The catalogue that comes with Braid is not there.')
  }
}
