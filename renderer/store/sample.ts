import type { RunEvent } from '../../engine/protocol/events.ts'
import { placed, useCaptions, type CaptionSource } from './captions.ts'
import { startReplay } from './replay.ts'
import { go } from './route.ts'
import { openLocal, SAMPLE_ID, useRuns } from './runs.ts'

/** Opens the recorded run that comes with the window. It replays without a model or a host. */
export async function loadSample(): Promise<void> {
  if (useRuns.getState().open[SAMPLE_ID] !== undefined) return
  const { default: url } = await import('../samples/sample.jsonl?url')
  const text = await (await fetch(url)).text()
  const events = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as RunEvent)
    .filter((event) => typeof event.at === 'number')
  const { default: captions } = await import('../samples/captions.json')
  useCaptions.setState({ of: { [SAMPLE_ID]: placed(captions as CaptionSource[], events) } })
  openLocal(SAMPLE_ID, events)
}

export async function openSample(): Promise<void> {
  await loadSample()
  go({ view: 'run', run: SAMPLE_ID })
  startReplay(SAMPLE_ID)
}
