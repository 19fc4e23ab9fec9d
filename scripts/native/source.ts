/** The pinned llama.cpp source with our patches on it. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchPackage } from './fetch.ts'
import { patchesDir, readPin, root } from './paths.ts'
import { run, SetupError } from './process.ts'

/** Returns the file names of the patches in `folder`, in order of application. */
export async function listPatches(folder = patchesDir): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^\d{4}-.*\.patch$/.test(name)).sort()
}

/** Returns a hash of names and contents; folders with the same patches have the same hash. */
async function hashPatches(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of await listPatches(folder))
    hash
      .update(name)
      .update('\0')
      .update(readFileSync(join(folder, name)))
  return hash.digest('hex')
}

/**
 * Returns the git bundle with llama.cpp's source, which node-llama-cpp contains. In a checkout that package is a
 * development dependency, checked by npm against the lock file; an installed Braid has none and fetches it.
 */
export async function sourceBundle(
  onFetch?: (name: string) => void,
  modules = join(root, 'node_modules'),
): Promise<string> {
  const inPackage = join('llama', 'gitRelease.bundle')
  const installed = join(modules, 'node-llama-cpp')
  if (!existsSync(join(installed, inPackage)))
    return join(await fetchPackage('node-llama-cpp', onFetch), inPackage)
  const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    version: string
  }
  const pinned = readPin().nodeLlamaCpp
  if (version !== pinned)
    throw new SetupError(
      `${modules} holds node-llama-cpp ${version}, patches/pin.json names ${pinned}. patches/README.md says how to move both.`,
    )
  return join(installed, inPackage)
}

/** Clones the bundle into `target`, which must not exist, and checks that it is the pinned commit. */
export async function cloneSource(bundle: string, target: string): Promise<void> {
  const { bundleCommit, tag } = readPin().llamaCpp
  await run('git', [
    '-c',
    'advice.detachedHead=false',
    '-c',
    'core.autocrlf=false',
    'clone',
    '--quiet',
    bundle,
    target,
  ])
  const head = (await run('git', ['rev-parse', 'HEAD'], { cwd: target })).trim()
  if (head !== bundleCommit)
    throw new SetupError(
      `The llama.cpp bundle holds ${head}, the pin for ${tag} says ${bundleCommit}`,
    )
}

/**
 * Brings a clone to "pinned source + patches", whatever the state of its tracked files.
 * Returns false if it was there already. Throws with the name of a patch that does not fit.
 */
export async function applyPatches(source: string, folder = patchesDir): Promise<boolean> {
  // git apply without a repository of its own would use an outer one, and silently skip files outside its folder
  if (!existsSync(join(source, '.git'))) throw new SetupError(`${source} is not a git clone`)
  const stamp = join(source, '.git', 'braid-patches')
  const wanted = await hashPatches(folder)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false

  rmSync(stamp, { force: true })
  await run('git', ['reset', '--quiet', '--hard'], { cwd: source })
  await run('git', ['clean', '--quiet', '-fd'], { cwd: source })
  for (const name of await listPatches(folder)) {
    try {
      await run('git', ['apply', '--whitespace=nowarn', join(folder, name)], { cwd: source })
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      throw new SetupError(
        `Patch ${name} does not fit llama.cpp ${readPin().llamaCpp.tag} (${readPin().llamaCpp.bundleCommit}).\n${detail}`,
      )
    }
  }
  writeFileSync(stamp, wanted)
  return true
}
