/**
 * Fetches pinned npm packages into the cache with npm itself (its registry, proxy and cache settings apply).
 * The platform packages are not dependencies of package.json, so a machine fetches only what its platform uses:
 * node-llama-cpp's own list would bring the CUDA libraries to every Linux and Windows PC.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir, readPin } from './paths.ts'
import { run, SetupError } from './process.ts'

/** Returns how to call npm: the npm that runs this process, or else the one on the path. */
export function npmCommand(): { command: string; args: string[]; shell: boolean } {
  const cli = process.env.npm_execpath
  if (cli && /npm-cli\.[cm]?js$/.test(cli))
    return { command: process.execPath, args: [cli], shell: false }
  return { command: 'npm', args: [], shell: process.platform === 'win32' }
}

/** Returns the folder of the unpacked package, whose sha512 was checked against the pin when it was fetched. */
export async function fetchPackage(
  name: string,
  onFetch?: (name: string) => void,
): Promise<string> {
  const pin = readPin()
  const integrity = pin.packages[name]
  if (!integrity) throw new SetupError(`${name} is not in patches/pin.json`)
  const folder = join(cacheDir(), 'packages', `${name.replace('/', '+')}@${pin.nodeLlamaCpp}`)
  if (existsSync(folder)) return folder

  onFetch?.(name)
  await mkdir(join(cacheDir(), 'packages'), { recursive: true })
  const temporary = await mkdtemp(join(cacheDir(), 'packages', 'tmp-'))
  try {
    const npm = npmCommand()
    const spec = `${name}@${pin.nodeLlamaCpp}`
    await run(npm.command, [...npm.args, 'pack', '--silent', spec], {
      cwd: temporary,
      shell: npm.shell,
    })
    const archive = (await readdir(temporary)).find((file) => file.endsWith('.tgz'))
    if (!archive) throw new SetupError(`npm pack ${spec} wrote no archive`)
    const actual =
      'sha512-' +
      createHash('sha512')
        .update(await readFile(join(temporary, archive)))
        .digest('base64')
    if (actual !== integrity)
      throw new SetupError(`${spec} has integrity ${actual}, the pin says ${integrity}`)
    await run('tar', ['-xzf', archive], { cwd: temporary })
    await rename(join(temporary, 'package'), folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error // another process was faster
    })
    return folder
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
