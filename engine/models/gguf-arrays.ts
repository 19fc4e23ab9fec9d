/**
 * Reads arrays of a GGUF file's metadata on demand. The file is checked again, because it may have
 * changed.
 */
import { EndOfFile, FileReader } from './file-reader.ts'
import { LIMITS, VALUE_BYTES } from './gguf-types.ts'
import { bad, fixed, type GgufArray } from './gguf.ts'

/** Calls `visit` with each string of an array, as bytes that are valid only during the call. */
export async function forEachString(
  file: string,
  { type, length, offset, bytes }: GgufArray,
  visit: (text: Buffer, index: number) => void,
): Promise<void> {
  if (type !== 'string') throw bad('The array does not hold strings.')
  const reader = await FileReader.open(file, offset + bytes)
  try {
    reader.seek(offset)
    for (let i = 0; i < length; i++) {
      let wait = reader.need(8)
      if (wait) await wait
      const n = reader.count()
      wait = reader.need(n)
      if (wait) await wait
      visit(reader.bytes(n), i)
    }
  } catch (error) {
    if (error instanceof EndOfFile) throw bad('The file changed while it was being read.')
    throw error
  } finally {
    await reader.close()
  }
}

/**
 * Returns all values of an array of numbers or booleans. The array may have at most as many values
 * as a vocabulary.
 */
export async function readNumbers(
  file: string,
  array: GgufArray,
): Promise<ArrayLike<number | bigint | boolean>> {
  if (array.values) return array.values as number[]
  const size = VALUE_BYTES[array.type]
  if (!size || array.length > LIMITS.vocabulary)
    throw bad(
      `The array of ${array.length} ${array.type} values is too long or does not hold numbers.`,
    )
  const reader = await FileReader.open(file, array.offset + array.bytes)
  try {
    reader.seek(array.offset)
    const values: (number | bigint | boolean)[] = []
    for (let i = 0; i < array.length; i++) {
      const wait = reader.need(size)
      if (wait) await wait
      values.push(fixed(reader, array.type))
    }
    return values
  } catch (error) {
    if (error instanceof EndOfFile) throw bad('The file changed while it was being read.')
    throw error
  } finally {
    await reader.close()
  }
}
