import { z } from 'zod'
import { fail } from '../protocol/errors.ts'
import { parseJson } from '../protocol/json.ts'

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
  return entriesIn(file, text).map(({ where, value }, index) => {
    try {
      return read(value, index)
    } catch (error) {
      throw fail(
        'bad-request/set-line',
        {
          where,
          reason: error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message,
        },
        { cause: error },
      )
    }
  })
}

interface Entry {
  /** Names the entry in messages: the file and the line. */
  where: string
  value: unknown
}

function entriesIn(file: string, text: string): Entry[] {
  const content = text.replace(/^\ufeff/, '')
  if (content.trimStart().startsWith('['))
    return (parse(file, content) as unknown[]).map((value, i) => ({
      where: `${file}, entry ${i + 1}`,
      value,
    }))
  return content.split('\n').flatMap((line, i) => {
    const where = `${file}, line ${i + 1}`
    return line.trim() === '' ? [] : [{ where, value: parse(where, line) }]
  })
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
