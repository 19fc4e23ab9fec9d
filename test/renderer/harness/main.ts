import { setConnect } from '../../../renderer/store/host.ts'
import { usePrefs } from '../../../renderer/store/prefs.ts'
import { flush, useRuns } from '../../../renderer/store/runs.ts'
import { toast } from '../../../renderer/store/toasts.ts'
import { drawWaiting } from '../../../renderer/store/turns.ts'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import type { RunSettings } from '../../../engine/protocol/request.ts'
import * as scripts from '../../support/scripts.ts'
import { comparing } from '../comparing.ts'
import { FakeHost } from '../fake-host.ts'
import * as synthetic from '../synthetic.ts'

/** The real window with a host in memory. Tests drive it through `window.harness`. */
const fake = new FakeHost()
export const handle = { fake, synthetic, useRuns, usePrefs, flush, drawWaiting, toast }
Object.assign(window, { harness: handle })
const scene = new URLSearchParams(location.search).get('scene') ?? 'full'
if (scene === 'variables')
  fake.model = {
    ...fake.model,
    templateVariables: { enable_thinking: true, reasoning_effort: ['low', 'high'] },
  }
if (scene === 'texts') {
  // A model without training, and questions without a single value.
  const { CODE, IDEAS, THINKING } = scripts
  const script = (run: string, said: scripts.Said, settings: Partial<RunSettings> = {}) =>
    synthetic.scripted({
      ...said,
      answers: said.paths.map(() => null),
      answer: null,
      run,
      settings,
    })
  const thought = { opens: ['<think>'], closes: ['</think>'], begins: false }
  fake.model = { ...fake.model, controlTokens: [], nativePaths: 0, thoughtRows: 0, thinks: true }
  fake.add(synthetic.ofKind(script('code', scripts.said(CODE)), 'code'))
  fake.add(
    synthetic.compared(
      synthetic.ofKind(script('programs', scripts.said(CODE)), 'code', { merged: false }),
    ),
  )
  fake.add(
    synthetic.ofKind(script('ideas', scripts.said(IDEAS), { strategy: 'majority' }), 'text', {
      merged: false,
    }),
  )
  fake.add(synthetic.ofKind(script('thinking', scripts.said(THINKING)), 'text', { thought }))
} else if (scene === 'comparing') {
  for (const [run, events] of Object.entries(comparing()))
    fake.add(events, run === 'sixteen' ? { status: 'running', answer: null } : {})
} else if (scene === 'thread') {
  // A conversation: `turns=200` in the address makes it that long.
  const turns = Number(new URLSearchParams(location.search).get('turns') ?? 4)
  for (let i = 1; i <= turns; i++)
    fake.add(
      synthetic.scripted({
        ...synthetic.BALLS,
        run: `turn${i}`,
        ...(i > 1 && { problem: `And with ${i + 6} blue balls?` }),
      }),
      {
        time: new Date(Date.now() - (turns - i) * 60_000).toISOString(),
        ...(i > 1 && { followUp: `turn${i - 1}` }),
      },
    )
} else if (scene === 'client') {
  // A run that a chat client asked for, which keeps its own conversations.
  const [started, ...rest] = synthetic.scripted({ ...synthetic.BALLS, run: 'asked' })
  const turns = [{ problem: 'Is this <b>bold</b>?', answer: 'No, it is **plain** text.' }]
  fake.add([{ ...started, client: 'Chat/1.0', turns } as RunEvent, ...rest])
} else if (scene !== 'empty') {
  fake.add(synthetic.scripted({ ...synthetic.BALLS, run: 'balls' }), {
    starred: true,
    tags: ['probability'],
  })
  fake.add(
    synthetic.scripted({ ...synthetic.BALLS, run: 'live', seed: 3 }),
    { status: 'running', answer: null },
    260,
  )
  fake.add(
    synthetic.scripted({ ...synthetic.BALLS, run: 'queued' }),
    { status: 'queued', answer: null },
    5,
  )
  fake.waiting = { queued: 2 }
  fake.add(synthetic.scripted({ ...synthetic.BALLS, run: 'damaged' }), {
    status: 'damaged',
    damage: 'Line 12 is not an event; the rest was kept.',
    title: 'run-2026-01-04.jsonl',
  })
  fake.add(
    synthetic.scripted({
      ...synthetic.BALLS,
      run: 'stopped',
      problem: 'How many positive integers below 1000 are divisible by neither 2 nor 5?',
    }),
    { status: 'interrupted', answer: null },
  )
  for (let i = 0; i < 40; i++)
    fake.add(
      synthetic.scripted({
        ...synthetic.BALLS,
        run: `more${i}`,
        problem: `Problem ${i}: what is ${i} squared plus ${i}?`,
        answers: ['1', '1', '1', '2'],
        answer: String(i * i + i),
      }),
      { time: new Date(Date.UTC(2025, 11, 30 - (i % 28), 12, i)).toISOString() },
    )
} else {
  fake.models = []
  fake.experiments = []
}
setConnect(async () => fake.channel())
await import('../../../renderer/main.tsx')
