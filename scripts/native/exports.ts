/**
 * Reads the names that a Windows DLL exports, and writes a .def file of them: the npm packages contain ggml's DLLs without import
 * libraries. Layout: Microsoft "PE Format", export directory table.
 */
import { SetupError } from './process.ts'

/** Returns the exported names of a PE32+ (or PE32) image, in table order. */
export function readDllExports(image: Buffer): string[] {
  const fail = (why: string) => new SetupError(`Not a DLL with exports: ${why}`)
  if (image.length < 0x40 || image.readUInt16LE(0) !== 0x5a4d) throw fail('no MZ header')
  const pe = image.readUInt32LE(0x3c)
  if (pe + 24 > image.length || image.readUInt32LE(pe) !== 0x4550) throw fail('no PE header')
  const sections = image.readUInt16LE(pe + 6)
  const optional = pe + 24
  const magic = image.readUInt16LE(optional)
  const directories = optional + (magic === 0x20b ? 112 : 96)
  const sectionTable = optional + image.readUInt16LE(pe + 20)

  const fileOffset = (rva: number): number => {
    for (let i = 0; i < sections; i++) {
      const section = sectionTable + 40 * i
      const start = image.readUInt32LE(section + 12)
      if (rva >= start && rva < start + image.readUInt32LE(section + 16))
        return rva - start + image.readUInt32LE(section + 20)
    }
    throw fail(`address ${rva} lies in no section`)
  }
  const exportsRva = image.readUInt32LE(directories)
  if (exportsRva === 0) throw fail('no export table')
  const table = fileOffset(exportsRva)
  const count = image.readUInt32LE(table + 24)
  const names = fileOffset(image.readUInt32LE(table + 32))
  return Array.from({ length: count }, (_, i) => {
    const start = fileOffset(image.readUInt32LE(names + 4 * i))
    return image.toString('latin1', start, image.indexOf(0, start))
  })
}

/** Returns a module-definition file of the C names, from which `lib /def:` or `dlltool -d` makes an import library. */
export function moduleDefinition(dll: string, names: readonly string[]): string {
  const plain = names.filter((name) => /^[A-Za-z_]\w*$/.test(name))
  return `LIBRARY "${dll}"\nEXPORTS\n${plain.map((name) => `    ${name}\n`).join('')}` // quoted: ggml.v0.4.0.dll has dots
}
