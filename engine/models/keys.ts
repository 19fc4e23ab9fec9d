/**
 * Typed access to a header's metadata. Throws `bad-model` if a key has another type than requested.
 */
import { bad, show, type GgufArray, type GgufHeader } from './gguf.ts'

export function numberOf(header: GgufHeader, key: string): number | undefined {
  const value = header.metadata.get(key)?.value
  if (value === undefined) return undefined
  if (typeof value !== 'number') throw bad(`The metadata key ${show(key)} is not a number.`)
  return value
}

export function textOf(header: GgufHeader, key: string): string | undefined {
  const value = header.metadata.get(key)?.value
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw bad(`The metadata key ${show(key)} is not a text.`)
  return value
}

export function arrayOf(
  header: GgufHeader,
  key: string,
  types: readonly string[],
): GgufArray | undefined {
  const value = header.metadata.get(key)?.value
  if (value === undefined) return undefined
  if (typeof value !== 'object' || !types.includes(value.type))
    throw bad(`The metadata key ${show(key)} is not an array of ${types.join(' or ')}.`)
  return value
}

/** Returns an integer in [min, max]. Without a fallback the key is required. */
export function integerOf(
  header: GgufHeader,
  key: string,
  min: number,
  max: number,
  fallback?: number,
): number {
  const value = numberOf(header, key) ?? fallback
  if (value === undefined) throw bad(`The metadata key ${show(key)} is missing.`)
  if (!Number.isInteger(value) || value < min || value > max)
    throw bad(`The metadata key ${show(key)} is ${value}; it must be between ${min} and ${max}.`)
  return value
}

/** Returns one integer per layer; the file gives an array or one number for all layers. */
export function perLayer(
  header: GgufHeader,
  key: string,
  layers: number,
  max: number,
  fallback?: readonly number[],
): readonly number[] {
  const value = header.metadata.get(key)?.value
  if (value === undefined && fallback) return fallback
  if (typeof value !== 'object')
    return new Array<number>(layers).fill(integerOf(header, key, 0, max))
  const { values, length } = value
  if (
    length !== layers ||
    !values ||
    !values.every((n) => Number.isInteger(n) && Number(n) >= 0 && Number(n) <= max)
  ) {
    throw bad(`The metadata key ${show(key)} is not an array of ${layers} integers up to ${max}.`)
  }
  return values.map(Number)
}
