import { memo } from 'react'
import type { TokenList } from '../../engine/protocol/token-list.ts'
import type { Prefs } from '../store/prefs.ts'
import { showSpace, visible } from '../ui/visible.ts'

/**
 * One row of tokens. A forced token (control token, prefix of the summary) is underlined and only coloured by
 * `levels`, which replace the heat.
 */
export const TokenLine = memo(
  function TokenLine({
    tokens,
    start,
    end,
    heat,
    levels,
    whitespace,
    selected,
    markFrom,
    markTo,
  }: {
    tokens: TokenList
    start: number
    end: number
    heat: Prefs['heat']
    levels: Uint8Array | null
    whitespace: boolean
    selected: number
    markFrom: number
    markTo: number
  }) {
    const spans = []
    for (let i = start; i < end; i++) {
      const token = tokens.at(i)!
      const value =
        token.forced === true || heat === 'none'
          ? null
          : heat === 'logprob'
            ? token.logprob === null
              ? null
              : -token.logprob
            : token.entropy
      const level =
        levels !== null
          ? `a${levels[i] ?? 0}`
          : value === null
            ? ''
            : `h${Math.max(0, Math.min(7, Math.floor(value * 2)))}`
      const classes = [
        'tok',
        level,
        token.forced === true ? 'forced' : '',
        i === selected ? 'sel' : '',
        i >= markFrom && i <= markTo ? 'ans' : '',
      ]
        .filter(Boolean)
        .join(' ')
      // The row itself draws the line break at the start of its first token.
      const broken =
        i === start &&
        i > 0 &&
        token.text.startsWith('\n') &&
        !token.text.endsWith('\n') &&
        !tokens.at(i - 1)!.text.endsWith('\n')
      const lines = (
        whitespace ? showSpace(token.text).replaceAll('⏎', '⏎\n') : token.text
      ).replace(broken ? /\n/ : '', '')
      const text = lines === '' ? '∅' : lines
      spans.push(
        <span
          key={i}
          id={`tok-${i}`}
          data-i={i}
          role="option"
          aria-selected={i === selected}
          aria-label={
            (token.text.trim() === '' ? showSpace(token.text) : visible(token.text)) || '∅'
          }
          className={classes}
        >
          {text}
        </span>,
      )
    }
    return (
      <div className="token-line" role="presentation" dir="auto">
        {spans}
      </div>
    )
  },
  (a, b) =>
    a.start === b.start &&
    a.end === b.end &&
    a.heat === b.heat &&
    a.levels === b.levels &&
    a.whitespace === b.whitespace &&
    a.selected === b.selected &&
    a.markFrom === b.markFrom &&
    a.markTo === b.markTo &&
    a.tokens.at(a.start) === b.tokens.at(b.start),
)
