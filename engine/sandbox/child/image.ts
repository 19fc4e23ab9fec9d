import { gunzipSync } from 'node:zlib'

/** What a started interpreter consists of besides its memory. */
export interface ImageHeader {
  stackPointer: number
  /** The function table's length, and the exports in it that are not there from the start. */
  tableLength: number
  table: [index: number, name: string][]
  /** The values of the imported globals. */
  globals: [module: string, name: string, value: number][]
}

export interface Image extends ImageHeader {
  /** The interpreter's memory, shared by the threads that start from it. */
  memory: Uint8Array
}

/** Reads an image that scripts/sandbox/image.ts wrote: the header's length, the header, the memory. */
export function readImage(packed: Uint8Array): Image {
  const bytes = gunzipSync(packed)
  const start = 4 + bytes.readUInt32LE(0)
  const header = JSON.parse(bytes.toString('utf8', 4, start)) as ImageHeader
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length - start))
  memory.set(bytes.subarray(start))
  return { ...header, memory }
}
