/** Immutable lists of what is numbered from 1: paths, and versions of a summary. */

export function replace<T>(list: readonly T[], index: number, how: (item: T) => T): readonly T[] {
  const old = list[index]
  if (old === undefined) return list
  const copy = list.slice()
  copy[index] = how(old)
  return copy
}

/** Numbers are dense from 1 in every transcript of ours, so the first guess holds. */
export function indexOf<K extends string, T extends Record<K, number>>(
  list: readonly T[],
  key: K,
  number: number,
): number {
  return list[number - 1]?.[key] === number
    ? number - 1
    : list.findIndex((item) => item[key] === number)
}

/** In order of the numbers; the same number replaces. */
export function put<K extends string, T extends Record<K, number>>(
  list: readonly T[],
  key: K,
  item: T,
): readonly T[] {
  const rest = list.filter((other) => other[key] !== item[key])
  return [
    ...rest.filter((other) => other[key] < item[key]),
    item,
    ...rest.filter((other) => other[key] > item[key]),
  ]
}
