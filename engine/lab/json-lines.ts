import { z } from 'zod'
import { BraidError, fail } from '../protocol/errors.ts'
import { parseJson } from '../protocol/json.ts'

/** An entry that was read, or why it cannot be used. */
export type ReadEntry<T> = { value: T } | { error: BraidError }

/**
 * Reads each entry of a text: JSON lines, blank ones left out, or one JSON array. Numbers that
 * float64 cannot hold are given to `read` as strings of their digits. Throws `bad-request` with the
 * line (in an array, the entry) that is not JSON or that `read` refuses, and why.
 */
export function readEntries<T>(
  file: string,
  text: string,
  read: (value: unknown, index: number) => T,
): T[] {
  return readEach(file, text, read).map((entry) => {
    if ('error' in entry) throw entry.error
    return entry.value
  })
}

/**
 * Reads entries as `readEntries` does, and goes on behind one that cannot be used: what it would throw
 * stands in that entry's place. Throws if an array is not JSON.
 */
export function readEach<T>(
  file: string,
  text: string,
  read: (value: unknown, index: number) => T,
): ReadEntry<T>[] {
  return entriesIn(file, text).map(({ where, json, value }, index) => {
    try {
      return { value: read(json === undefined ? value : parse(where, json), index) }
    } catch (error) {
      if (error instanceof BraidError && error.message.startsWith(where)) return { error }
      const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
      return { error: fail('bad-request/set-line', { where, reason }, { cause: error }) }
    }
  })
}

interface Entry {
  /** Names the entry in messages: the file and the line. */
  where: string
  /** What is to be parsed; absent in an array, which is parsed already. */
  json?: string
  value?: unknown
}

function entriesIn(file: string, text: string): Entry[] {
  const content = text.replace(/^\ufeff/, '')
  if (content.trimStart().startsWith('['))
    return (parse(file, content) as unknown[]).map((value, i) => ({
      where: `${file}, entry ${i + 1}`,
      value,
    }))
  return content
    .split('\n')
    .flatMap((json, i) => (json.trim() === '' ? [] : [{ where: `${file}, line ${i + 1}`, json }]))
}

function parse(where: string, text: string): unknown {
  try {
    const value = parseJson(text)
    return LONG.test(text) ? JSON.parse(withLongNumbersQuoted(text)) : value
  } catch (error) {
    throw fail(
      'bad-request/set-json',
      { where, reason: (error as Error).message },
      { cause: error },
    )
  }
}

const LONG = /\d[\d.]{15}/
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g

function withLongNumbersQuoted(json: string): string {
  return json.replace(TOKEN, (token) => {
    if (token.startsWith('"')) return token
    const digits = token
      .replace(/[eE].*$/, '')
      .replace(/\D/g, '')
      .replace(/^0+/, '')
    return digits.length > 15 && String(Number(token)) !== token ? `"${token}"` : token
  })
}
