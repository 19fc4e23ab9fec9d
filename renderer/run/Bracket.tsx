import { ChevronRight, Check } from 'lucide-react'
import { memo, useMemo } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { spokenText } from '../../engine/protocol/deciding.ts'
import { isOpen, type Segment } from '../../engine/protocol/fold.ts'
import { matchesOf, preferredBy, scoreOf, type Match } from '../../engine/protocol/judges.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { useT } from '../i18n/index.ts'
import { segmentName, shortName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { command, useRuns, useSegment, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { activate } from '../store/ui.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { SegmentButton } from '../ui/SegmentButton.tsx'
import { TextView } from '../ui/TextView.tsx'
import { visible } from '../ui/visible.ts'

/** Characters of a text's first words. */
const WORDS = 160

/** Returns the matches of a run. They change when a judge begins or ends, not with every token. */
function useMatches(run: string): Match[] {
  const judges = useRuns(
    useShallow(
      (s) =>
        s.open[run]?.shown.others.flatMap((one) =>
          one.role === 'judge' ? [one.segment, isOpen(one) ? null : one] : [],
        ) ?? [],
    ),
  )
  return useMemo(
    () => matchesOf({ others: useRuns.getState().open[run]?.shown.others ?? [] }),
    [run, judges],
  )
}

/** Shows a tournament: the answers by their points, and who met whom in each round, with the judges' reasons. */
export const Bracket = memo(function Bracket({ run }: { run: string }) {
  const t = useT()
  const matches = useMatches(run)
  const rounds = [...new Set(matches.map(({ round }) => round))]
  const vote = useShown(run, (s) => s.votes.find(({ over }) => over === 'judges'))
  if (matches.length === 0 && vote === undefined)
    return <p className="body dim">{t('bracket.none')}</p>
  return (
    <div className="votes bracket">
      {vote?.tie === true && vote.chosen === undefined && (
        <p className="callout warn small">{t('bracket.tie')}</p>
      )}
      {vote !== undefined && <Standings run={run} />}
      {rounds.map((round) => (
        <section key={round} aria-label={t('lanes.round', { round })}>
          <h3 className="small dim">{t('lanes.round', { round })}</h3>
          {matches
            .filter((match) => match.round === round)
            .map((match) => (
              <MatchRow key={match.pair.join()} match={match} />
            ))}
        </section>
      ))}
    </div>
  )
})

/** The answers in their order, one of which the user may choose. */
function Standings({ run }: { run: string }) {
  const t = useT()
  const vote = useShown(run, (s) => s.votes.find(({ over }) => over === 'judges'))
  if (vote === undefined) return null
  const why = whyNotSteer(currentTarget({ run }))
  const most = Math.max(1, ...vote.classes.map(({ weight = 0 }) => weight))
  return (
    <div role="radiogroup" aria-label={t('bracket.standings')}>
      {vote.classes.map(({ answer, members, weight = 0 }, i) => (
        <div key={members.join()} className={i === vote.winner ? 'vote wins' : 'vote'}>
          <div className="row">
            <button
              type="button"
              role="radio"
              aria-checked={i === vote.winner}
              className="vote-pick"
              disabled={why !== null}
              title={t(why ?? 'votes.choose')}
              aria-label={t('bracket.choose', { name: segmentName(members[0]!) })}
              onClick={() => report(command(run, { type: 'override-vote', member: members[0]! }))}
            >
              {i === vote.winner && <Check size={12} />}
            </button>
            <span className="vote-answer">
              {answer === null ? (
                <Opening run={run} segment={members[0]!} />
              ) : (
                <AnswerText text={answer} />
              )}
            </span>
            <div className="row wrap members">
              {members.map((member) => (
                <SegmentButton
                  key={member}
                  segment={member}
                  label={t('agree.showPath', { name: segmentName(member) })}
                  onClick={() => activate(run, member)}
                />
              ))}
            </div>
            <span className="num small dim vote-count">
              {t('bracket.points', { count: weight })}
            </span>
          </div>
          <div className="vote-bar">
            <span style={{ inlineSize: `${(100 * weight) / most}%` }} />
          </div>
        </div>
      ))}
      {vote.chosen !== undefined && <p className="small dim">{t('votes.byHand')}</p>}
    </div>
  )
}

/** The first words of a text. */
function Opening({ run, segment }: { run: string; segment: SegmentId }) {
  const thought = useShown(run, (s) => s.thought)
  const one = useSegment(run, segment)
  if (one === undefined) return null
  const text = spokenText(one, { thought }).slice(0, WORDS).replace(/\s+/g, ' ')
  return (
    <bdi className="small dim" title={visible(text)}>
      {visible(text)}
    </bdi>
  )
}

/** Two answers that met; opened, the reasons of the judges. */
function MatchRow({ match }: { match: Match }) {
  const t = useT()
  const { pair, judges } = match
  const [a, b] = scoreOf(match)
  const running = judges.some(isOpen)
  const outcome = running
    ? t('bracket.judging')
    : a === b
      ? t('bracket.draw')
      : t('bracket.wins', { name: segmentName(pair[a > b ? 0 : 1]) })
  return (
    <details className="match" data-match={pair.join('-')}>
      <summary className="row">
        <ChevronRight size={12} aria-hidden className="chevron" />
        <Side segment={pair[0]} won={!running && a > b} />
        <span className="num">
          {a} : {b}
        </span>
        <Side segment={pair[1]} won={!running && b > a} />
        <span className="grow" />
        <span className="small dim">{outcome}</span>
      </summary>
      {judges.map((judge) => (
        <Reasons key={judge.segment} judge={judge} />
      ))}
    </details>
  )
}

const Side = ({ segment, won }: { segment: SegmentId; won: boolean }) => (
  <span className={won ? 'side-of won' : 'side-of'} data-segment={segment}>
    <span className="pathno">{shortName(segment)}</span>
  </span>
)

/** What one judge said, and in which order it was shown the two. */
function Reasons({ judge }: { judge: Segment }) {
  const t = useT()
  const preferred = preferredBy(judge)
  const [first, second] = judge.reads.map(shortName)
  const verdict =
    preferred === null
      ? t('bracket.neither')
      : t('bracket.prefers', { name: segmentName(preferred) })
  return (
    <div className="reasons" data-judge={judge.segment}>
      <p className="small dim">
        {t('bracket.shown', { first: first!, second: second! })}
        {!isOpen(judge) && ` · ${verdict}`}
        {judge.cuts.length > 0 && ` · ${t('bracket.shortened')}`}
      </p>
      {judge.error !== null && (
        <p className="callout bad small" dir="auto">
          {errorWords(judge.error)}
        </p>
      )}
      {judge.text !== '' && (
        <div className="md" dir="auto">
          <TextView text={judge.text} />
        </div>
      )}
    </div>
  )
}
