#!/usr/bin/env node
// Replaces fpm, which Debian does not package: reads electron-builder's arguments and builds the deb with dpkg-deb.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const [one, lists, files] = [new Map(), new Map(), []]
const args = process.argv.slice(2)
for (let i = 0; i < args.length; i++) {
  const arg = args[i]
  if (arg === '--force') continue
  if (arg === '-d' || arg === '--deb-recommends')
    lists.set(arg, [...(lists.get(arg) ?? []), args[++i]])
  else if (arg.startsWith('-')) one.set(arg, args[++i])
  else files.push(arg)
}
if (one.get('-t') !== 'deb') throw new Error(`Only deb is built here, not ${one.get('-t')}.`)

const folder = mkdtempSync(join(process.env.BRAID_PACKAGE_TMP ?? tmpdir(), 'braid-deb-'))
let size = 0
for (const file of files) {
  const at = file.lastIndexOf('=')
  const [from, to] = [file.slice(0, at), join(folder, file.slice(at + 1))]
  mkdirSync(dirname(to), { recursive: true })
  if (from.endsWith('/')) cpSync(from, to, { recursive: true, verbatimSymlinks: true, mode: 0 })
  else copyFileSync(from, to)
}
size = Number(execFileSync('du', ['-sk', folder]).toString().split('\t')[0])
const control = join(folder, 'DEBIAN')
mkdirSync(control)
const [summary, ...long] = one.get('--description').split('\n')
writeFileSync(
  join(control, 'control'),
  [
    `Package: ${one.get('--name')}`,
    `Version: ${one.get('--version')}`,
    `Architecture: ${one.get('--architecture')}`,
    `Maintainer: ${one.get('--maintainer')}`,
    `Installed-Size: ${size}`,
    `Depends: ${(lists.get('-d') ?? []).join(', ')}`,
    `Recommends: ${(lists.get('--deb-recommends') ?? []).join(', ')}`,
    'Section: default',
    'Priority: optional',
    `Homepage: ${one.get('--url')}`,
    `Description: ${summary || one.get('--name')}`,
    ...long.map((line) => ` ${line.trim() || '.'}`),
    '',
  ]
    .filter((line) => line !== 'Recommends: ')
    .join('\n'),
)
for (const [name, file] of [
  ['postinst', '--after-install'],
  ['postrm', '--after-remove'],
]) {
  copyFileSync(one.get(file), join(control, name))
  chmodSync(join(control, name), 0o755)
}
execFileSync('chmod', ['-R', 'u+rwX,go+rX,go-w', folder])
execFileSync(
  'dpkg-deb',
  [
    '--build',
    '--root-owner-group',
    `-Z${process.env.BRAID_DEB_COMPRESSION ?? 'xz'}`,
    ...(process.env.BRAID_DEB_LEVEL ? [`-z${process.env.BRAID_DEB_LEVEL}`] : []),
    folder,
    one.get('--package'),
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
)
rmSync(folder, { recursive: true })
