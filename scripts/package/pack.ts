import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { Arch, build, DIR_TARGET, Platform, type Configuration } from 'electron-builder'
import { root } from '../renderer.ts'

export interface PackOptions {
  /** Builds only the app's folder. */
  dir?: boolean
  /** Absent or empty: every target of this system. */
  targets?: readonly string[]
}

/** Builds for this system and this processor, whose native libraries are here. Returns the artefacts. */
export async function packageApp(
  config: Configuration,
  { dir = false, targets = [] }: PackOptions,
): Promise<string[]> {
  const arch = process.arch === 'arm64' ? Arch.arm64 : Arch.x64
  const files = await build({
    projectDir: root,
    config,
    publish: 'never',
    targets: Platform.current().createTarget(dir ? [DIR_TARGET] : [...targets], arch),
  })
  for (const file of files)
    console.log(`${basename(file)}: ${(statSync(file).size / 1e6).toFixed(1)} MB`)
  return files
}
