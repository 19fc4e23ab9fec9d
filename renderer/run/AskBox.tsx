import { CornerDownLeft } from 'lucide-react'
import { memo, useState } from 'react'
import { spokesman } from '../../engine/protocol/deciding.ts'
import { placeOf } from '../../engine/protocol/events.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { startAgain } from '../commands/start.ts'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { useT, type MessageKey } from '../i18n/index.ts'
import { detach, NONE, useAttachments, withAttachments } from '../store/attachments.ts'
import { draftOf } from '../store/compose.ts'
import { nextSettings } from '../store/next-turn.ts'
import { go } from '../store/route.ts'
import { isOver, useRuns, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { useUi } from '../store/ui.ts'
import { NextTurnFields, NextTurnLine } from './NextTurn.tsx'
import { AttachButton, attachPaste, Attachments } from './Attachments.tsx'

/** Asks the next question of a conversation, with the model and the settings of the run above. */
export const AskBox = memo(function AskBox({ run }: { run: string }) {
  const t = useT()
  const text = useUi((s) => s.asks[run] ?? '')
  const attached = useAttachments((s) => s[run] ?? NONE)
  const [asking, setAsking] = useState(false)
  const [changing, setChanging] = useState(false)
  const over = useShown(run, (s) => isOver(s.status))
  const sample = useRuns((s) => s.open[run]?.sample === true)
  const replayed = useRuns((s) => (s.open[run]?.replayed ?? null) !== null)
  const settings = useShown(run, (s) => s.settings)
  const model = useShown(run, (s) => s.model)
  const unanswered = useShown(run, (s) =>
    spokesman(s) !== undefined
      ? null
      : s.status === 'interrupted'
        ? 'why.interrupted'
        : 'why.noAnswer',
  )
  if (!over || sample || replayed || settings === null || model === null) return null
  const file = placeOf(model)
  const why: MessageKey | null = whyNotSteer(currentTarget({ run })) ?? unanswered
  const nothing = text.trim() === '' && attached.length === 0
  const set = (next: string) => useUi.setState(({ asks }) => ({ asks: { ...asks, [run]: next } }))
  const ask = async () => {
    const state = useRuns.getState().open[run]!.shown
    setAsking(true)
    try {
      const next = await startAgain(
        {
          ...draftOf(state),
          problem: withAttachments(text, attached),
          settings: nextSettings(run, settings),
          followUp: {
            run,
            segment: spokesman(state)!.segment,
            title: state.problem.slice(0, 120),
          },
          versionOf: null,
        },
        file,
      )
      set('')
      detach(run)
      useUi.setState(({ nextTurns: { [run]: _, ...others } }) => ({ nextTurns: others }))
      if (next !== null) go({ view: 'run', run: next })
    } finally {
      setAsking(false)
    }
  }
  const send = () => {
    if (why === null && !asking && !nothing) report(ask())
  }
  return (
    <form
      className="ask panel"
      aria-label={t('ask.title')}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <textarea
        id="ask"
        className="textarea"
        rows={1}
        dir="auto"
        value={text}
        maxLength={1 << 20}
        placeholder={why === null ? t('ask.placeholder') : t(why)}
        disabled={why !== null}
        aria-label={t('ask.title')}
        onChange={(event) => set(event.target.value)}
        onPaste={(event) => attachPaste(run, event, t('attach.pasted'))}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
          event.preventDefault()
          send()
        }}
      />
      <Attachments of={run} model={file} />
      {changing && <NextTurnFields run={run} before={settings} />}
      <div className="row small">
        <AttachButton to={run} />
        <NextTurnLine run={run} before={settings} open={changing} onOpen={setChanging} />
        <span className="grow" />
        <CommandButton id="run.followUp" label="ask.settings" look="quiet tiny" target={{ run }} />
        <button
          type="submit"
          className="btn primary tiny"
          disabled={why !== null || asking || nothing}
          title={t('ask.keys')}
        >
          <CornerDownLeft size={13} aria-hidden />
          {t('ask.send')}
        </button>
      </div>
    </form>
  )
})
