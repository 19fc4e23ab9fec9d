import { GitBranch } from 'lucide-react'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { fork } from '../commands/path-commands.ts'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { useT } from '../i18n/index.ts'
import { fixed, percent } from '../i18n/format.ts'
import { useOpenRun, useSegment } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { SegmentButton } from '../ui/SegmentButton.tsx'
import { Tip } from '../ui/Tip.tsx'
import { showSpace } from '../ui/visible.ts'
import { useAlternatives } from './alternatives.ts'
import { siblingsAt } from './siblings.ts'

/** Shows the token under the cursor: its figures, the alternatives, and the buttons to branch. */
export function TokenDetail({
  run,
  segment,
  index,
  onPath,
}: {
  run: string
  segment: SegmentId
  index: number
  onPath(path: SegmentId): void
}) {
  const t = useT()
  const state = useOpenRun(run)!.shown
  const stream = useSegment(run, segment)!
  const token = stream.tokens.at(index)
  const alternatives = useAlternatives(run, segment, Math.max(0, index))
  if (token === undefined)
    return (
      <section className="panel token-detail">
        <p className="body dim">{t('inspect.empty')}</p>
      </section>
    )
  const isPath = stream.role === 'path'
  const siblings = isPath
    ? siblingsAt(state, stream, index).filter((other) => other !== segment)
    : []
  const why = !isPath
    ? ('why.summaryFork' as const)
    : index < 1
      ? ('why.firstToken' as const)
      : whyNotSteer(currentTarget({ run, path: segment }))
  return (
    <section className="panel token-detail" aria-label={t('inspect.detail')}>
      <header>
        <h2 className="grow">{t('inspect.token', { index })}</h2>
        {token.id !== undefined && <span className="mono small dim">#{token.id}</span>}
      </header>
      <div className="body col">
        <code className="token-text" dir="auto">
          {showSpace(token.text) || '∅'}
        </code>
        <dl className="token-facts num">
          <div>
            <dt>{t('inspect.probability')}</dt>
            <dd>{token.logprob === null ? '–' : percent(token.logprob)}</dd>
          </div>
          <div>
            <dt>{t('inspect.logprob')}</dt>
            <dd>{token.logprob === null ? '–' : fixed(token.logprob, 4)}</dd>
          </div>
          <div>
            <dt>{t('inspect.entropy')}</dt>
            <dd>{token.entropy === null ? '–' : t('unit.nats', { n: fixed(token.entropy, 3) })}</dd>
          </div>
        </dl>
        {token.forced === true ? (
          <p className="small dim">{t('inspect.forced')}</p>
        ) : (
          <h3>{t('inspect.alternatives')}</h3>
        )}
        {token.forced !== true && alternatives === undefined && (
          <p className="small dim">{t('inspect.loading')}</p>
        )}
        {token.forced !== true && typeof alternatives === 'string' && (
          <p className="callout bad small" role="alert" dir="auto">
            {alternatives}
          </p>
        )}
        {token.forced !== true && (alternatives === null || alternatives?.length === 0) && (
          <p className="small dim">{t('inspect.noAlternatives')}</p>
        )}
        {Array.isArray(alternatives) && alternatives.length > 0 && (
          <table className="alternatives">
            <thead className="sr">
              <tr>
                <th>{t('inspect.text')}</th>
                <th>{t('inspect.probability')}</th>
                <th>{t('inspect.logprob')}</th>
                <th>{t('inspect.fork')}</th>
              </tr>
            </thead>
            <tbody>
              {alternatives.map((one) => (
                <tr key={one.id} className={one.id === token.id ? 'taken' : ''}>
                  <td className="mono alt-text">
                    <bdi>{showSpace(one.text) || '∅'}</bdi>
                  </td>
                  <Probability logprob={one.logprob} />
                  <td>
                    <Tip text={why === null ? t('inspect.forkHere') : t(why)}>
                      <button
                        type="button"
                        className="btn quiet icon tiny"
                        aria-label={t('inspect.forkWith', { text: showSpace(one.text) })}
                        disabled={why !== null || one.id === token.id}
                        onClick={() => report(fork(run, segment, index, one.id))}
                      >
                        <GitBranch size={13} />
                      </button>
                    </Tip>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {token.members !== undefined && (
          <>
            <h3>{t('inspect.members')}</h3>
            <table className="alternatives members">
              <thead className="sr">
                <tr>
                  <th>{t('inspect.member')}</th>
                  <th>{t('inspect.probability')}</th>
                  <th>{t('inspect.logprob')}</th>
                </tr>
              </thead>
              <tbody>
                {token.members.map((one) => (
                  <tr key={one.segment} data-segment={one.segment}>
                    <td>
                      <SegmentButton segment={one.segment} onClick={() => onPath(one.segment)} />
                    </td>
                    <Probability logprob={one.logprob} />
                  </tr>
                ))}
              </tbody>
            </table>
          </>
        )}
        {siblings.length > 0 && (
          <div className="row wrap small">
            <span className="dim">{t('inspect.siblings')}</span>
            {siblings.map((other) => (
              <SegmentButton key={other} segment={other} onClick={() => onPath(other)} />
            ))}
          </div>
        )}
        {isPath && (
          <div className="row wrap">
            <CommandButton id="run.summariseSubset" target={{ run, path: segment }} look="tiny" />
          </div>
        )}
        <p className="small dim">{t('inspect.keys')}</p>
      </div>
    </section>
  )
}

/** The cells of a row that show a probability: a bar with the share, and its logarithm. */
function Probability({ logprob }: { logprob: number }) {
  return (
    <>
      <td className="num alt-p">
        <span className="row">
          <span className="alt-bar">
            <span style={{ inlineSize: `${100 * Math.exp(logprob)}%` }} />
          </span>
          {percent(logprob)}
        </span>
      </td>
      <td className="num small dim alt-logprob">{fixed(logprob, 2)}</td>
    </>
  )
}
