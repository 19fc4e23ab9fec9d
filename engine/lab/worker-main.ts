/**
 * Runs an engine process of the lab: makes a run for each job from its parent, several at once, and
 * answers with the digest. Its argument is the number of runs at once.
 */
import { loadAddon } from '../native/index.ts'
import { toBraidError } from '../protocol/errors.ts'
import { pathId, runError } from '../protocol/events.ts'
import { applyEvent, EMPTY_RUN } from '../protocol/fold.ts'
import { Engine } from '../run/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { WorkerLinks } from '../workers/index.ts'
import { digestOf, type Digest } from './digest.ts'
import type { Job } from './experiment.ts'
import type { Reply, Request } from './process.ts'

let engine: Engine | undefined

function openEngine(gpu: boolean): Engine {
  const addon = loadAddon({ gpu })
  const workers = new WorkerLinks(dataFolder(), { addon: () => addon })
  const jobs = Number(process.argv[2] ?? 1)
  const opened = new Engine({ addon, version: 'lab', jobs, watched: false, workers })
  // Its runs have failed; a new process makes the next ones.
  opened.onLost(() => setTimeout(() => process.exit(1), 1000))
  return opened
}

async function work({ request, prefix, tokens }: Job): Promise<Digest> {
  engine ??= openEngine(request.settings.engine?.device !== 'cpu')
  const given =
    prefix === undefined || prefix.length === 0 ? undefined : new Map([[pathId(1), prefix]])
  const handle = engine.think(request, { final: true, ...(given && { given }) })
  let run = EMPTY_RUN
  for await (const event of handle.events) {
    run = applyEvent(run, event)
    if (event.type === 'run-ended' || event.type === 'run-failed') break
  }
  return digestOf(run, tokens)
}

process.on('message', ({ id, ...job }: Request) => {
  work(job)
    .then(
      (digest): Reply => ({ id, digest }),
      (error: unknown): Reply => ({ id, failed: runError(toBraidError(error)) }),
    )
    .then((reply) => process.send!(reply))
})
// Ctrl-C reaches the whole process group; the parent decides how to react.
process.on('SIGINT', () => {})
// Without its parent, nobody can receive the results.
process.on('disconnect', () => process.exit(0))
