/**
 * Returns how many items at the start of a list satisfy `holds`, in O(log n). Behind the first item that does not, none
 * may.
 */
export function countLeading<T>(list: readonly T[], holds: (item: T) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(list[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
