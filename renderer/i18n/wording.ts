import i18next from 'i18next'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { errorText, runError, type RunError } from '../../engine/protocol/events.ts'
import type { Notice } from '../../engine/protocol/fold.ts'
import {
  ERRORS,
  NOTICES,
  noticeText,
  render,
  sentenceOf,
  type WordParams,
} from '../../engine/protocol/wording.ts'
import * as zh from './zh/wording.ts'

/**
 * Wording of notices and errors per language, which runs and the host send as codes with parameters. The protocol has
 * the English.
 */
const WORDS: Readonly<
  Record<string, { notices: Record<string, string>; errors: Record<string, string> }>
> = { zh }

const english = { notices: NOTICES, errors: ERRORS }
const words = () => WORDS[i18next.language] ?? english

/** Returns a notice in the current language. One that is unknown or has its own message stays as it is. */
export function noticeWords(notice: Notice): string {
  const { code, params = {} } = notice
  const sentence = params.message === undefined ? sentenceOf(words().notices, code) : undefined
  return sentence === undefined ? noticeText(notice) : render(sentence, params)
}

/** Returns an error in the current language. One that is unknown or unforeseen keeps its own message. */
export function errorWords(error: RunError): string {
  const sentence = sentenceOf(words().errors, error.detail)
  return sentence === undefined
    ? errorText(error)
    : render(sentence, (error.params ?? {}) as WordParams)
}

/** As `errorWords`, for any thrown value. */
export const failureWords = (thrown: unknown): string => errorWords(runError(toBraidError(thrown)))
