import i18next from 'i18next'
import { refusalOf, type Capabilities } from '../../engine/protocol/capabilities.ts'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { errorText, runError, type RunError } from '../../engine/protocol/events.ts'
import type { Notice } from '../../engine/protocol/fold.ts'
import type { Reason } from '../../engine/protocol/programs.ts'
import {
  ENGLISH,
  noticeIn,
  reasonIn,
  render,
  sentenceOf,
  type WordParams,
  type Words,
} from '../../engine/protocol/wording.ts'
import * as zh from './zh/wording.ts'
import { terms } from './zh/wording-more.ts'

/**
 * Wording of notices, errors and reasons per language, which runs and the host send as codes with
 * parameters. The protocol has the English.
 */
const WORDS: Readonly<Record<string, Words>> = { zh }

const words = () => WORDS[i18next.language] ?? ENGLISH

/** The parameters whose English is its own code (`TERMS`), per language. */
const TERMS_IN: Readonly<Record<string, Readonly<Record<string, string>>>> = { zh: terms }

function withTerms(params: WordParams): WordParams {
  const table = TERMS_IN[i18next.language] ?? {}
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name,
      name === 'doing' || name === 'what' ? (sentenceOf(table, String(value)) ?? value) : value,
    ]),
  )
}

/** Returns a notice in the current language. One that is unknown or has its own message stays as it is. */
export const noticeWords = (notice: Pick<Notice, 'code' | 'params'>): string =>
  noticeIn(words(), notice)

/** Returns why a program is not run or compared, or what ended a call, in the current language. */
export const reasonWords = (reason: Reason): string => reasonIn(words(), reason)

/** Returns an error in the current language. One that is unknown or unforeseen keeps its own message. */
export function errorWords(error: RunError): string {
  const sentence = sentenceOf(words().errors, error.detail)
  return sentence === undefined
    ? errorText(error)
    : render(sentence, withTerms((error.params ?? {}) as WordParams))
}

/** Returns why a server cannot follow these settings, in the current language; null if it can, or if there is none. */
export function refusalWords(
  can: Capabilities | undefined,
  settings: Parameters<typeof refusalOf>[1],
): string | null {
  const refusal = can === undefined ? null : refusalOf(can, settings)
  if (refusal === null) return null
  return render(sentenceOf(words().errors, refusal.detail) ?? '', refusal.params ?? {})
}

/** As `errorWords`, for any thrown value. */
export const failureWords = (thrown: unknown): string => errorWords(runError(toBraidError(thrown)))
