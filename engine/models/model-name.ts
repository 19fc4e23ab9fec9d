import { basename } from 'node:path'

/** Parts of a file's name that say how the weights are stored, not which model they are. */
const STORAGE =
  /(?<=^|[-_. ])(?:(?:ud[-_])?(?:i?q|tq)\d(?:_(?:\d|[ksmlx]{1,2}|nl|xxs))*|mxfp4(?:_moe)?|bf16|fp?(?:8|16|32)|gguf|ggml|imat|i1|\d{5}-of-\d{5})(?=$|[-_. ])/gi
const SEPARATORS = /[-_\s]+|\.(?!\d)|(?<!\d)\./
/** Words that name no model: what all files are called, and digests. */
const EMPTY = /^(?:sha256|model|weights|unsloth|[0-9a-f]{32,})$/i

/**
 * Returns what a model is called, the same wherever it is shown: the words of its file's name,
 * spelt as `general.name` spells them if the file has them in small letters. What `general.name` says besides is often left from another
 * model or from training, so it counts only if the file's name says nothing, as a digest does.
 */
export function modelName(file: string, stated: string | undefined): string {
  const stem = basename(file).replace(/\.gguf$/i, '')
  const own = wordsOf(stem)
  if (!own.some((word) => /\p{L}{3}|\p{Lo}/u.test(word) && !EMPTY.test(word))) return stated || stem
  const spelt = new Map(wordsOf(stated ?? '').map((word) => [word.toLowerCase(), word]))
  return own
    .map((word) => (/[A-Z]/.test(word) ? word : (spelt.get(word) ?? readable(word))))
    .join(' ')
}

const wordsOf = (name: string): string[] =>
  name
    .replace(STORAGE, '')
    .split(SEPARATORS)
    .filter((word) => word !== '')

/** Writes sizes such as 1.5b and words in small letters as names do. */
const readable = (word: string): string =>
  /^\d+(?:\.\d+)?[bmk]$/.test(word) ? word.toUpperCase() : word[0]!.toUpperCase() + word.slice(1)
