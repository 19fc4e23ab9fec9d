/**
 * The header check takes at most 2 s and 512 MiB, whatever a file claims. Each case runs in a separate process, and its
 * processor time is measured, so that other load on the machine does not count.
 */
import { spawnSync } from 'node:child_process'
import {
  mkdtempSync,
  openSync,
  closeSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { array, encodeHeader, str, u32 } from '../support/gguf-writer.ts'
import { fuzzGguf } from './mutants.ts'

/** Far beyond what reading takes on a busy machine, and far below what an unbounded size would. */
const HUNG_MS = 20_000

const folder = mkdtempSync(join(tmpdir(), 'braid-limits-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Reads one file; returns the outcome, milliseconds of processor time and peak memory above an idle process, in bytes. */
function measure(file: string): { outcome: string; ms: number; bytes: number } {
  const module = pathToFileURL(join(import.meta.dirname, '../../engine/models/info.ts')).href
  const code = `
    const { readModelInfo } = await import(${JSON.stringify(module)})
    const idle = process.memoryUsage.rss()
    const begin = process.cpuUsage()
    const outcome = await readModelInfo(${JSON.stringify(file)}).then(() => 'read', (e) => e.code + ': ' + e.message)
    console.log(JSON.stringify({ outcome, ms: (({ user, system }) => (user + system) / 1000)(process.cpuUsage(begin)), bytes: process.resourceUsage().maxRSS * 1024 - idle }))`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', code],
    { encoding: 'utf8' },
  )
  expect(stderr).toBe('')
  return JSON.parse(stdout) as ReturnType<typeof measure>
}

const MIB = 2 ** 20
function sparse(name: string, head: Buffer, bytes: number, also: [number, Buffer][] = []): string {
  const file = join(folder, name)
  writeFileSync(file, head)
  truncateSync(file, bytes)
  const fd = openSync(file, 'r+')
  for (const [at, content] of also) writeSync(fd, content, 0, content.length, at)
  closeSync(fd)
  return file
}
/** Returns a header that ends in an array of `of` with `length` elements, which follow as the zeros of a sparse file. */
function withArray(key: string, of: 'string' | 'u8' | 'u64', length: number): Buffer {
  const head = encodeHeader({ [key]: array(of, []) }, [])
  const at = 24 + 8 + key.length + 4 + 4
  head.writeBigUInt64LE(BigInt(length), at)
  return head.subarray(0, at + 8)
}

it.each([
  [
    '64 Mi empty strings in 1 TiB',
    () => sparse('strings', withArray('k', 'string', 64 * MIB), 2 ** 40),
    /longer than/,
  ],
  [
    '7 Mi empty strings',
    () => sparse('many', withArray('k', 'string', 7 * MIB), 2 ** 40),
    /architecture/,
  ],
  [
    '64 Mi numbers of 8 bytes',
    () => sparse('numbers', withArray('k', 'u64', 64 * MIB), 2 ** 40),
    /longer than/,
  ],
  [
    'a string of 2^24 + 1 bytes',
    () =>
      sparse(
        'long',
        patch(encodeHeader({ k: str('abcdefgh') }, []), 24 + 8 + 1 + 4, 2n ** 24n + 1n),
        2 ** 36,
      ),
    /claims 16777217/,
  ],
  [
    '65,537 keys in 1 TiB',
    () => sparse('keys', patch(encodeHeader({ k: u32(1) }, []), 16, 65_537n), 2 ** 40),
    /65537 metadata keys/,
  ],
  [
    '65,536 keys of zeros',
    () => sparse('zeros', patch(encodeHeader({ k: u32(1) }, []), 16, 65_536n), 2 ** 40),
    /no name/,
  ],
  [
    '65,536 tensors of zeros',
    () => sparse('tensors', patch(encodeHeader({}, []), 8, 65_536n), 2 ** 40),
    /tensor/,
  ],
])('%s', (_, make, message) => {
  const { outcome, ms, bytes } = measure(make())
  expect(outcome).toMatch(/^bad-model: /)
  expect(outcome).toMatch(message)
  expect(ms).toBeLessThan(HUNG_MS)
  expect(bytes).toBeLessThan(512 * MIB)
})

it('two strings of 16 MiB and a vocabulary of a million tokens are read within the bounds', () => {
  const texts = Object.fromEntries(
    Array.from({ length: 2 }, (_, i) => [`text.${i}`, str('Ж'.repeat(8 * MIB))]),
  )
  const tokens = Array.from({ length: MIB }, (_, i) => `t${i}`)
  const header = encodeHeader(
    {
      ...texts,
      'general.architecture': str('llama'),
      'llama.block_count': u32(1),
      'llama.embedding_length': u32(2),
      'llama.context_length': u32(1),
      'llama.attention.head_count': u32(1),
      'tokenizer.ggml.model': str('gpt2'),
      'tokenizer.ggml.tokens': array('string', tokens),
      'tokenizer.ggml.token_type': array(
        'i32',
        tokens.map(() => 1),
      ),
    },
    [{ name: 'token_embd.weight', shape: [2, MIB], type: 'f32' }],
  )
  const { outcome, ms, bytes } = measure(sparse('large', header, header.length + 8 * MIB))
  expect(outcome).toBe('read')
  expect(ms).toBeLessThan(HUNG_MS)
  expect(bytes).toBeLessThan(512 * MIB)
}, 120_000)

it('2,000 seeded mutants are read or refused', async () => {
  const { read, refused, slowestMs } = await fuzzGguf(2000, 20_26)
  expect(read).toBeGreaterThan(50)
  expect(refused).toBeGreaterThan(1000)
  expect(slowestMs).toBeLessThan(HUNG_MS)
}, 120_000)

function patch(bytes: Buffer, at: number, value: bigint): Buffer {
  bytes.writeBigUInt64LE(value, at)
  return bytes
}
