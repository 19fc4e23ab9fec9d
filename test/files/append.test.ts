import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { AppendFile } from '../../engine/files/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-append-'))
const file = join(folder, 'deep', 'run.jsonl')
const names = () => readdirSync(join(folder, 'deep'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a file that is only appended to', () => {
  it('appears with its first content, never empty', () => {
    const one = new AppendFile(file)
    expect(names()).not.toContain('run.jsonl')
    one.append('a\n')
    expect(names()).toEqual(['run.jsonl'])
    one.append('b\n')
    one.close()
    expect([readFileSync(file, 'utf8'), one.bytes]).toEqual(['a\nb\n', 4])
  })

  it('leaves nothing if nothing was appended', () => {
    new AppendFile(file).close()
    expect(names()).toEqual([])
  })

  it('takes over what a killed process of the same id left', () => {
    new AppendFile(file) // never closed
    const one = new AppendFile(file)
    one.append('a\n')
    one.close()
    expect(names()).toEqual(['run.jsonl'])
    expect(readFileSync(file, 'utf8')).toBe('a\n')
  })

  it('is refused where the file exists, which stays as it was', () => {
    const one = new AppendFile(file)
    one.append('a\n')
    one.close()
    expect(() => new AppendFile(file)).toThrow(expect.objectContaining({ code: 'io' }))
    expect(readFileSync(file, 'utf8')).toBe('a\n')
  })

  it('cuts an existing file, and is written again if it was deleted with its folder', () => {
    const made = new AppendFile(file)
    made.append('a\ntorn')
    made.close()
    const one = new AppendFile(file, 2)
    rmSync(folder, { recursive: true })
    expect(one.restore()).toBe(true)
    one.append('b\n')
    rmSync(file)
    one.append('c\n')
    one.close()
    expect(readFileSync(file, 'utf8')).toBe('a\nb\nc\n')
    expect(names()).toEqual(['run.jsonl'])
  })

  it('that was never placed is not written again over another', () => {
    const one = new AppendFile(file)
    expect(one.restore()).toBe(false)
    writeFileSync(`${file}.other`, '')
    one.close()
    expect(names()).toEqual(['run.jsonl.other'])
  })
})
