import { Pause, Play, X } from 'lucide-react'
import { useMemo } from 'react'
import { useT } from '../i18n/index.ts'
import { duration } from '../i18n/format.ts'
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
import { useOpenRun } from '../store/runs.ts'

/** Replays the events of a run, at any speed and from any position. */
export function ReplayBar({ run }: { run: string }) {
  const t = useT()
  const replay = useReplay((s) => s.replay)
  const events = useOpenRun(run)!.events
  const start = startOf(events)
  const end = useMemo(() => endOf(events), [events])
  if (replay === null) return null
  return (
    <div className="replay" role="group" aria-label={t('replay.title')}>
      <button
        type="button"
        className="btn icon"
        aria-label={t(replay.playing ? 'replay.pause' : 'replay.play')}
        onClick={() => setPlaying(!replay.playing)}
      >
        {replay.playing ? <Pause size={14} /> : <Play size={14} />}
      </button>
      <input
        type="range"
        className="grow"
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
  )
}
