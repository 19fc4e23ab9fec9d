import { Pause, Play, X } from 'lucide-react'
import { useMemo } from 'react'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useLanguage, useT } from '../i18n/index.ts'
import { duration } from '../i18n/format.ts'
import { captionAt, useCaptionsOf, type Caption } from '../store/captions.ts'
import {
  endOf,
  seek,
  setPlaying,
  setSpeed,
  SPEEDS,
  startOf,
  stopReplay,
  useReplay,
} from '../store/replay.ts'
import { useOpenRun, useShown } from '../store/runs.ts'

/** Replays the events of a run, at any speed and from any position, with the captions of a recording. */
export function ReplayBar({ run }: { run: string }) {
  const t = useT()
  const replay = useReplay((s) => s.replay)
  const events = useOpenRun(run)!.events
  const start = startOf(events)
  const end = useMemo(() => endOf(events), [events])
  const captions = useCaptionsOf(run)
  if (replay === null) return null
  const at = (time: number) => (end > start ? (time - start) / (end - start) : 0)
  return (
    <div className="replay" role="group" aria-label={t('replay.title')}>
      <div className="replay-controls">
        <button
          type="button"
          className="btn icon"
          aria-label={t(replay.playing ? 'replay.pause' : 'replay.play')}
          onClick={() => setPlaying(!replay.playing)}
        >
          {replay.playing ? <Pause size={14} /> : <Play size={14} />}
        </button>
        {captions.length > 0 && <CommandButton id="replay.next" iconOnly />}
        <div className="replay-line grow">
          <input
            type="range"
            min={start}
            max={end}
            step="any"
            value={replay.time}
            aria-label={t('replay.position')}
            aria-valuetext={duration(replay.time - start)}
            onChange={(event) => {
              setPlaying(false)
              seek(Number(event.target.value))
            }}
          />
          {captions.length > 0 && <Marks captions={captions} time={replay.time} at={at} />}
        </div>
        <span className="num small">
          {duration(replay.time - start)} / {duration(end - start)}
        </span>
        <select
          className="select replay-speed"
          aria-label={t('replay.speed')}
          value={replay.speed}
          onChange={(event) => setSpeed(Number(event.target.value))}
        >
          {SPEEDS.map((speed) => (
            <option key={speed} value={speed}>
              {speed}×
            </option>
          ))}
        </select>
        <button type="button" className="btn" onClick={stopReplay}>
          <X size={14} />
          {t('replay.end')}
        </button>
      </div>
      {captions.length > 0 && <CaptionLine run={run} captions={captions} time={replay.time} />}
    </div>
  )
}

const useWords = () => {
  const language = useLanguage()
  return ({ text }: Caption) => (language.startsWith('zh') ? text.zh : text.en)
}

/** The moments of the captions on the time line. Each is a button that goes there. */
function Marks({
  captions,
  time,
  at,
}: {
  captions: readonly Caption[]
  time: number
  at: (time: number) => number
}) {
  const words = useWords()
  const now = captionAt(captions, time)
  return (
    <ol className="replay-marks">
      {captions.map((caption, i) => (
        <li key={caption.at} style={{ insetInlineStart: `${100 * at(caption.at)}%` }}>
          <button
            type="button"
            className="replay-mark"
            aria-label={words(caption)}
            aria-current={i === now ? 'step' : undefined}
            title={words(caption)}
            onClick={() => seek(caption.at)}
          />
        </li>
      ))}
    </ol>
  )
}

/** The caption of the moment, which screen readers announce, and what the recording is. */
function CaptionLine({
  run,
  captions,
  time,
}: {
  run: string
  captions: readonly Caption[]
  time: number
}) {
  const t = useT()
  const words = useWords()
  const model = useShown(run, (s) => s.model?.name ?? '')
  const seed = useShown(run, (s) => s.settings?.seed ?? 0)
  const now = captions[captionAt(captions, time)]
  return (
    <div className="replay-caption">
      <p role="status" aria-live="polite">
        {now === undefined ? '' : words(now)}
      </p>
      <p className="small dim">{model !== '' && t('replay.recorded', { model, seed })}</p>
    </div>
  )
}
