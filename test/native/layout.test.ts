/** Opens the real platform packages: what the build and the loader look for is there, on every platform. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { moduleDefinition, readDllExports } from '../../scripts/native/exports.ts'
import { fetchPackage } from '../../scripts/native/fetch.ts'
import { ensureNative } from '../../scripts/native/index.ts'
import { platformPackages, readPackage, sortFiles } from '../../scripts/native/layout.ts'
import { readPin } from '../../scripts/native/paths.ts'
import { run } from '../../scripts/native/process.ts'

/** Returns every function of ggml that the finished libllama and addon import, on whatever platform they were built. */
async function importedFunctions(): Promise<string[]> {
  const { folder, llama, addon } = await ensureNative()
  const args = process.platform === 'darwin' ? ['-u'] : ['-D', '-u']
  const lines = await run('nm', [...args, join(folder, llama), join(folder, addon)])
  return [
    ...new Set([...lines.matchAll(/\b_?(g(?:gml|guf)_\w+)/g)].map((match) => match[1]!)),
  ].sort()
}

const cases = [
  { key: 'linux-x64', cpu: 'libggml-cpu-haswell.so', accel: [], metal: undefined },
  {
    key: 'darwin-arm64',
    cpu: 'libggml-cpu-apple_m1.so',
    accel: ['libggml-blas.so'],
    metal: 'libggml-metal.so',
  },
  {
    key: 'darwin-x64',
    cpu: 'libggml-cpu-haswell.so',
    accel: ['libggml-blas.so'],
    metal: undefined,
  },
  { key: 'win32-x64', cpu: 'ggml-cpu-haswell.dll', accel: [], metal: undefined },
] as const

describe.each(cases)('$key', ({ key, cpu, accel, metal }) => {
  const platform = key.split('-')[0] as NodeJS.Platform
  const packages = platformPackages[key]!
  let files: ReturnType<typeof readPackage>
  const bytes = (name: string) => readFileSync(join(files.folder, name))
  /** Returns the symbols that a library does not export: read from the export table on Windows, searched as strings elsewhere. */
  const lacking = (name: string, symbols: readonly string[]) => {
    const image = bytes(name)
    if (platform === 'win32') {
      const names = new Set(readDllExports(image))
      return symbols.filter((symbol) => !names.has(symbol))
    }
    const prefix = platform === 'darwin' ? '_' : '' // C symbols of Mach-O begin with an underscore
    return symbols.filter((symbol) => !image.includes(`\0${prefix}${symbol}\0`))
  }
  beforeAll(async () => {
    files = readPackage(await fetchPackage(packages.base), platform)
  })

  it('holds ggml, CPU variants, its own backends and a stock libllama', () => {
    expect(files.ggml).toContain(readPin().llamaCpp.tag)
    expect(files.llama).toContain(readPin().llamaCpp.tag)
    expect(files.cpu).toContain(cpu)
    expect(files.accel).toEqual(accel)
    expect(files.metal).toBe(metal)
  })

  it.skipIf(process.platform === 'win32')(
    'exports every function of ggml that libllama and the addon call',
    async () => {
      const names = await importedFunctions()
      expect(names.length).toBeGreaterThan(150)
      expect(names).toContain('ggml_get_rows')
      const notInGgml = lacking(files.ggml, names)
      expect(lacking(files.base, notInGgml)).toEqual([])
      expect(lacking(files.base, ['ggml_no_such_function'])).toEqual(['ggml_no_such_function'])
    },
  )

  if (packages.vulkan)
    it('has a Vulkan package for the same ggml', async () => {
      const vulkan = readPackage(await fetchPackage(packages.vulkan!), platform)
      expect(vulkan.vulkan).toMatch(/^(lib)?ggml-vulkan\.(so|dll)$/)
      expect(vulkan.ggml).toContain(`.vulkan.${readPin().llamaCpp.tag}.`)
      // its backend runs on the base package's ggml-base; Windows links twice, so only the exports are the same
      const base = readFileSync(join(vulkan.folder, vulkan.base))
      if (platform === 'win32')
        expect(readDllExports(base)).toEqual(readDllExports(bytes(files.base)))
      else expect(base.equals(bytes(files.base))).toBe(true)
    })
})

describe('every platform', () => {
  it('has pinned packages', () => {
    const names = Object.values(platformPackages).flatMap(({ base, vulkan, cuda }) => [
      base,
      vulkan,
      cuda?.[12],
      cuda?.[13],
    ])
    for (const name of ['node-llama-cpp', ...names.filter((name) => name !== undefined)])
      expect(readPin().packages[name]).toMatch(/^sha512-/)
  })
  it('knows what a build of ggml from source is called', () => {
    const linux = sortFiles(
      'x',
      [
        'libggml.so',
        'libggml.so.0',
        'libggml.so.0.23.0',
        'libggml-base.so',
        'libggml-base.so.0',
        'libggml-cpu-x64.so',
        'libllama.so.0',
        'libllama-common.so.0',
      ],
      'linux',
    )
    expect(linux).toMatchObject({
      ggml: 'libggml.so.0',
      base: 'libggml-base.so.0',
      cpu: ['libggml-cpu-x64.so'],
      llama: 'libllama.so.0',
    })
    const mac = sortFiles(
      'x',
      [
        'libggml.0.dylib',
        'libggml-base.0.dylib',
        'libggml-cpu-apple_m1.so',
        'libggml-metal.so',
        'libllama.0.dylib',
      ],
      'darwin',
    )
    expect(mac).toMatchObject({
      ggml: 'libggml.0.dylib',
      base: 'libggml-base.0.dylib',
      metal: 'libggml-metal.so',
      llama: 'libllama.0.dylib',
    })
  })
  it('says what a folder holds when ggml is not in it', () => {
    expect(() => sortFiles('somewhere', ['libggml-base.so', 'readme'], 'linux')).toThrow(
      'somewhere does not hold ggml (?, libggml-base.so); it holds: libggml-base.so, readme',
    )
  })
})

describe('DLL export reader', () => {
  it('refuses what is not a DLL', () => {
    expect(() => readDllExports(Buffer.from('\x7fELF'))).toThrow('no MZ header')
    expect(() => readDllExports(Buffer.alloc(4096, 'MZ'))).toThrow('Not a DLL')
  })
  it('gives a module definition with the C names', () => {
    expect(moduleDefinition('ggml.v0.dll', ['a', '?b@@YAXXZ', 'c_1'])).toBe(
      'LIBRARY "ggml.v0.dll"\nEXPORTS\n    a\n    c_1\n',
    )
  })
})
