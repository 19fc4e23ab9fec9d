/** The programs that a build needs, and what to say if one is missing. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { probe, SetupError } from './process.ts'

/** `debian`, `fedora`, ... from the text of /etc/os-release: ID first, then ID_LIKE. */
export function distribution(osRelease: string): string[] {
  const field = (name: string) =>
    new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1]?.split(/\s+/) ?? []
  return [...field('ID'), ...field('ID_LIKE')].filter(Boolean)
}

/** Returns the command or page that installs git, CMake and a C++ compiler. `osRelease` is used on Linux only. */
export function installAdvice(platform: NodeJS.Platform, osRelease = ''): string {
  if (platform === 'win32')
    return [
      'In a terminal: winget install Git.Git Kitware.CMake',
      'and: winget install Microsoft.VisualStudio.2022.BuildTools --override "--wait --passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"',
      'then open a new terminal.',
    ].join('\n')
  if (platform === 'darwin')
    return 'xcode-select --install   (git and the compiler)\nbrew install cmake       (or the installer from https://cmake.org/download)'
  const ids = distribution(osRelease)
  if (ids.some((id) => ['debian', 'ubuntu'].includes(id)))
    return 'sudo apt-get install git cmake g++'
  if (ids.some((id) => ['fedora', 'rhel', 'centos'].includes(id)))
    return 'sudo dnf install git cmake gcc-c++'
  if (ids.includes('arch')) return 'sudo pacman -S git cmake gcc make'
  if (ids.includes('alpine')) return 'apk add git cmake g++ make linux-headers'
  if (ids.some((id) => id.includes('suse'))) return 'sudo zypper install git cmake gcc-c++'
  return 'Install git, CMake and a C++17 compiler (g++ or clang) with your package manager.'
}

/** Returns whether Visual Studio or its Build Tools have the C++ compiler (CMake finds it without a developer prompt). */
async function hasVisualStudio(): Promise<boolean> {
  const vswhere = join(
    process.env['ProgramFiles(x86)'] ?? 'C:\\Program Files (x86)',
    'Microsoft Visual Studio',
    'Installer',
    'vswhere.exe',
  )
  return Boolean(
    await probe(vswhere, [
      '-latest',
      '-products',
      '*',
      '-requires',
      'Microsoft.VisualStudio.Component.VC.*',
      '-requiresAny',
      '-property',
      'installationPath',
    ]),
  )
}

async function hasCompiler(): Promise<boolean> {
  for (const name of [process.env.CXX, 'c++', 'g++', 'clang++'])
    if (name && (await probe(name, ['--version'])) !== undefined) return true
  return process.platform === 'win32' && hasVisualStudio()
}

/** Throws one message that names everything that is missing and how to install it. */
export async function requireTools(): Promise<void> {
  const missing: string[] = []
  const version = /version (\d+)\.(\d+)/.exec((await probe('cmake', ['--version'])) ?? '')
  if (!version) missing.push('CMake')
  else if (Number(version[1]) * 100 + Number(version[2]) < 318)
    missing.push(`CMake 3.18 or newer (found ${version[1]}.${version[2]})`)
  if ((await probe('git', ['--version'])) === undefined) missing.push('git')
  if ((await probe('tar', ['--version'])) === undefined) missing.push('tar')
  if (!(await hasCompiler())) missing.push('a C++ compiler')
  if (missing.length === 0) return
  let osRelease = ''
  try {
    osRelease = readFileSync('/etc/os-release', 'utf8')
  } catch {
    // not Linux, or a Linux without /etc/os-release
  }
  throw new SetupError(
    `Braid builds its engine once, and needs ${missing.join(', ')} for it.\n${installAdvice(process.platform, osRelease)}`,
  )
}
