import { Check, X } from 'lucide-react'
import { memo, useState, type ChangeEvent, type FormEvent } from 'react'
import { meets, type CallRecord, type Outcome } from '../../engine/protocol/agreement.ts'
import { consensusOf, outcomeOf, outcomeText, resultOf } from '../../engine/protocol/consensus.ts'
import { decidingProgram } from '../../engine/protocol/deciding.ts'
import type { AgreementState } from '../../engine/protocol/run-state.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { useT } from '../i18n/index.ts'
import { segmentName, shortName } from '../i18n/segments.ts'
import { reasonWords } from '../i18n/wording.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { command, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { activate } from '../store/ui.ts'
import { visible } from '../ui/visible.ts'
import './programs.css'

type UserCall = { call: string; expected?: string | undefined }

/** What the user can do to a comparison. */
interface Steering {
  /** Why no program can be chosen; null if one can. */
  whyNotChoose: string | null
  /** Why they cannot be compared again. */
  whyNotCompare: string | null
  choose: (segment: SegmentId) => void
  compare: (calls: UserCall[]) => void
}

/**
 * Shows what programs returned: calls down, programs across, equal results alike. The user can choose
 * another program, add calls and say which result is right.
 */
export default memo(function Programs({ run }: { run: string }) {
  const t = useT()
  const agreement = useShown(run, (s) => s.agreement)
  const steering = useSteering(run, agreement)
  if (agreement === null) return null
  const found = consensusOf(agreement)
  return (
    <div className="votes programs">
      <FirstTime />
      {found !== null && (
        <p>
          {t(
            `programs.${found.calls === 0 ? 'differ' : 'same'}${agreement.function === null ? 'Inputs' : ''}`,
            { ...found },
          )}
        </p>
      )}
      {agreement.calls.length > 0 && (
        <Results run={run} agreement={agreement} steering={steering} />
      )}
      <Abstained agreement={agreement} />
      {steering.whyNotCompare !== null && <p className="small dim">{steering.whyNotCompare}</p>}
      <AddCall agreement={agreement} steering={steering} />
      <CommandButton id="run.merge" look="tiny" />
    </div>
  )
})

function useSteering(run: string, agreement: AgreementState | null): Steering {
  const t = useT()
  const runs = usePrefs((s) => s.runPrograms)
  /** The comparison that was shown when another one was asked for. */
  const [asked, setAsked] = useState<AgreementState | null>(null)
  const why = whyNotSteer(currentTarget({ run }))
  const running = asked !== null && asked === agreement
  const not = why ?? (runs ? (running ? 'programs.running' : null) : 'programs.off')
  return {
    whyNotChoose: why === null ? null : t(why),
    whyNotCompare: not === null ? null : t(not),
    choose: (member) => report(command(run, { type: 'override-vote', member })),
    compare(calls) {
      setAsked(agreement)
      const done = command(run, { type: 'compare', calls })
      done.catch(() => setAsked(null))
      report(done)
    },
  }
}

/** Says once what happens, and where it can be turned off. */
function FirstTime() {
  const t = useT()
  const told = usePrefs((s) => s.toldPrograms)
  if (told) return null
  return (
    <div className="callout info small" data-notice="programs-first">
      <p>{t('programs.first')}</p>
      <button type="button" className="btn tiny" onClick={() => setPref('toldPrograms', true)}>
        {t('programs.understood')}
      </button>
    </div>
  )
}

interface ResultsProps {
  run: string
  agreement: AgreementState
  steering: Steering
}

function Results({ run, agreement, steering }: ResultsProps) {
  const t = useT()
  const won = useShown(run, (s) => decidingProgram(s) ?? null)
  const [open, setOpen] = useState<string | null>(null)
  const { of, calls, programs, function: name } = agreement
  const opened = calls.find(({ text }) => text === open)
  return (
    <>
      <div className="programs-scroll" tabIndex={0} role="group" aria-label={t('programs.title')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t(name === null ? 'programs.input' : 'programs.call')}</th>
              {of.map((segment, i) => (
                <th key={segment} scope="col" className={segment === won ? 'wins' : undefined}>
                  <Choice
                    run={run}
                    segment={segment}
                    chosen={segment === won}
                    possible={programs[i]!.source !== ''}
                    steering={steering}
                  />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {calls.map((call) => (
              <tr key={call.text} className={differs(call) ? 'differs' : undefined}>
                <th scope="row">
                  <button
                    type="button"
                    className="programs-call mono"
                    aria-expanded={open === call.text}
                    title={visible(call.text)}
                    onClick={() => setOpen(open === call.text ? null : call.text)}
                  >
                    <bdi>{visible(call.text)}</bdi>
                  </button>
                </th>
                {of.map((segment, i) => (
                  <Cell key={segment} call={call} program={i} agreement={agreement} />
                ))}
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">{t('programs.agreement')}</th>
              {programs.map(({ agreement: count }, i) => (
                <td key={of[i]} className="num">
                  {count}
                </td>
              ))}
            </tr>
          </tfoot>
        </table>
      </div>
      {opened !== undefined && <Detail call={opened} agreement={agreement} steering={steering} />}
    </>
  )
}

interface ChoiceProps {
  run: string
  segment: SegmentId
  chosen: boolean
  possible: boolean
  steering: Steering
}

function Choice({ run, segment, chosen, possible, steering }: ChoiceProps) {
  const t = useT()
  const name = segmentName(segment)
  return (
    <span className="row programs-head">
      {possible && (
        <button
          type="button"
          aria-pressed={chosen}
          className="vote-pick"
          disabled={steering.whyNotChoose !== null}
          title={steering.whyNotChoose ?? t('programs.choose')}
          aria-label={t('programs.chooseOf', { name })}
          onClick={() => steering.choose(segment)}
        >
          {chosen && <Check size={12} />}
        </button>
      )}
      <button
        type="button"
        className="btn quiet tiny"
        data-segment={segment}
        aria-label={t('agree.showPath', { name })}
        onClick={() => activate(run, segment)}
      >
        <span className="pathno">{shortName(segment)}</span>
      </button>
    </span>
  )
}

const differs = ({ cells }: CallRecord): boolean =>
  new Set(cells.filter((cell) => cell !== null)).size > 1

/** Returns the place of each outcome of a call by how many programs have it: 0 is the commonest. */
function ranksOf({ outcomes, cells }: CallRecord): number[] {
  const sizes = outcomes.map((_, i) => cells.filter((cell) => cell === i).length)
  const order = sizes.map((_, i) => i).sort((a, b) => sizes[b]! - sizes[a]! || a - b)
  return outcomes.map((_, i) => order.indexOf(i))
}

const kindOf = (outcome: Outcome): 'value' | 'error' | 'abstained' =>
  'error' in outcome ? 'error' : 'abstained' in outcome ? 'abstained' : 'value'

interface CellProps {
  call: CallRecord
  program: number
  agreement: AgreementState
}

/** One result. Equal ones have the same letter and shade. */
function Cell({ call, program, agreement }: CellProps) {
  const t = useT()
  const outcome = outcomeOf(call, program)
  if (outcome === null) return <td className="dim">–</td>
  const kind = kindOf(outcome)
  const rank = ranksOf(call)[call.cells[program]!]!
  const { language } = agreement.programs[program]!
  const right = call.expected === undefined ? null : meets(outcome, call.expected, language)
  const text = visible(outcomeText(outcome, reasonWords))
  return (
    <td className={`result ${kind} g${Math.min(rank, 3)}`} title={text} data-group={rank}>
      <span className="row">
        {differs(call) && (
          <span className="programs-letter" aria-hidden>
            {String.fromCharCode(65 + Math.min(rank, 25))}
          </span>
        )}
        {right !== null && kind !== 'abstained' && (
          <span role="img" aria-label={t(right ? 'programs.right' : 'programs.wrong')}>
            {right ? <Check size={12} /> : <X size={12} />}
          </span>
        )}
        <bdi className="mono ellipsis">{kind === 'abstained' ? '–' : text}</bdi>
      </span>
    </td>
  )
}

interface DetailProps {
  call: CallRecord
  agreement: AgreementState
  steering: Steering
}

/** Shows every result of a call in full, and which one is expected. */
function Detail({ call, agreement, steering }: DetailProps) {
  const t = useT()
  const { of } = agreement
  const ranks = ranksOf(call)
  const sorted = call.outcomes.map((outcome, cell) => ({ outcome, cell }))
  sorted.sort((a, b) => ranks[a.cell]! - ranks[b.cell]!)
  const expect = (expected: string | undefined) =>
    steering.compare([
      ...usersCalls(agreement).filter((one) => one.call !== call.text),
      { call: call.text, expected },
    ])
  return (
    <div className="programs-detail">
      <pre tabIndex={0}>{visible(call.text)}</pre>
      {call.expected !== undefined && (
        <p className="row wrap">
          <span>{t('programs.expected', { value: visible(call.expected) })}</span>
          {call.from === 'user' && (
            <button
              type="button"
              className="btn quiet tiny"
              disabled={steering.whyNotCompare !== null}
              onClick={() => expect(undefined)}
            >
              {t('programs.unexpect')}
            </button>
          )}
        </p>
      )}
      <ul>
        {sorted.map(({ outcome, cell }) => {
          const kind = kindOf(outcome)
          const text = outcomeText(outcome, reasonWords)
          const result = resultOf(outcome)
          return (
            <li key={cell} className={`result ${kind} g${Math.min(ranks[cell]!, 3)}`}>
              <span className="row wrap">
                {of.map(
                  (segment, i) =>
                    call.cells[i] === cell && (
                      <span key={segment} className="pathno" data-segment={segment}>
                        {shortName(segment)}
                      </span>
                    ),
                )}
                <span className="grow" />
                {result !== null && result !== call.expected && (
                  <button
                    type="button"
                    className="btn tiny"
                    disabled={steering.whyNotCompare !== null}
                    title={steering.whyNotCompare ?? t('programs.expectHelp')}
                    onClick={() => expect(result)}
                  >
                    {t('programs.expect')}
                  </button>
                )}
              </span>
              <pre tabIndex={0}>{visible(text)}</pre>
            </li>
          )
        })}
      </ul>
    </div>
  )
}

const usersCalls = ({ calls }: AgreementState): UserCall[] =>
  calls
    .filter(({ from }) => from === 'user')
    .map(({ text, expected }) => ({ call: text, ...(expected !== undefined && { expected }) }))

function Abstained({ agreement: { of, programs } }: { agreement: AgreementState }) {
  const t = useT()
  const without = programs.flatMap(({ abstained }, i) =>
    abstained === null ? [] : [{ segment: of[i]!, reason: abstained }],
  )
  if (without.length === 0) return null
  return (
    <ul className="small dim programs-without">
      {without.map(({ segment, reason }) => (
        <li key={segment}>
          {t('programs.without', {
            name: segmentName(segment),
            reason: visible(reasonWords(reason)),
          })}
        </li>
      ))}
    </ul>
  )
}

function AddCall({ agreement, steering }: { agreement: AgreementState; steering: Steering }) {
  const t = useT()
  const [text, setText] = useState('')
  const { function: name } = agreement
  const add = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim() === '' || steering.whyNotCompare !== null) return
    steering.compare([...usersCalls(agreement), { call: text }])
    setText('')
  }
  const label = t(name === null ? 'programs.addInput' : 'programs.addCall')
  const field = {
    'aria-label': label,
    value: text,
    dir: 'ltr',
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      setText(event.target.value),
  }
  return (
    <form className="row programs-add" onSubmit={add}>
      {name === null ? (
        <textarea className="textarea mono grow" rows={3} placeholder={label} {...field} />
      ) : (
        <input className="input mono grow" placeholder={`${name}(…)`} {...field} />
      )}
      <button
        type="submit"
        className="btn tiny"
        disabled={text.trim() === '' || steering.whyNotCompare !== null}
        title={steering.whyNotCompare ?? label}
      >
        {t('programs.add')}
      </button>
    </form>
  )
}
