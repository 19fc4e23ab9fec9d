/**
 * Returns what a table has for a key. The key may be text from a file or from a model, so inherited names such as
 * `constructor` do not count.
 */
export const ownEntry = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined
