import {
  ChartBarBig,
  ChevronsRight,
  CircleHelp,
  CircleStop,
  Combine,
  CornerDownRight,
  Edit3,
  FastForward,
  GitCompare,
  Layers,
  Merge,
  Pause,
  RotateCcw,
  Search,
  SkipForward,
  SquareStack,
  StepForward,
} from 'lucide-react'
import { spokesman } from '../../engine/protocol/deciding.ts'
import { summarising } from '../../engine/protocol/doing.ts'
import { placeOf } from '../../engine/protocol/events.ts'
import type { RunState } from '../../engine/protocol/fold.ts'
import { questionOf } from '../../engine/protocol/question.ts'
import { QuestionKind } from '../../engine/protocol/request.ts'
import type { MessageKey } from '../i18n/index.ts'
import { askAttribution } from '../store/attribution.ts'
import { captionsOf } from '../store/captions.ts'
import { draftOf, edit } from '../store/compose.ts'
import { nextSettings } from '../store/next-turn.ts'
import { host } from '../store/host.ts'
import { go } from '../store/route.ts'
import { command } from '../store/runs.ts'
import { seekNextCaption, setPlaying, startReplay, stopReplay, useReplay } from '../store/replay.ts'
import { report } from '../store/toasts.ts'
import { followSummary, openDialog, useUi } from '../store/ui.ts'
import { grownPaths } from '../ui/control-tokens.ts'
import { startAgain } from './start.ts'
import { stateOf, summaryFor, waits, whyNoRun, whyNotContinue, whyNotSteer } from './target.ts'
import type { Command, Target } from './types.ts'

const KIND_TITLE = {
  value: 'cmd.questionValue',
  text: 'cmd.questionText',
  code: 'cmd.questionCode',
} as const satisfies Record<QuestionKind, MessageKey>

/** Returns why a run cannot be started again. */
const whyNotAgain = (target: Target) =>
  whyNoRun(target) ?? (host.state !== 'open' ? ('why.disconnected' as const) : null)

/** Returns the segment that a follow-up continues from. */
const answered = (target: Target) => (summaryFor(target) ?? spokesman(stateOf(target)!))?.segment

/** Returns the paths that ended with the engine in mid-text. */
const cutOff = ({ paths }: RunState) =>
  paths.filter(({ status, tokens }) => status === 'interrupted' && tokens.length > 0)

/** Returns why a command does not apply to the replay on the screen, or null. */
const whyNoReplay = ({ run }: Target): MessageKey | null =>
  run !== null && useReplay.getState().replay?.run === run ? null : 'why.noReplay'

/** Returns why the paths of a run have nothing to summarise now, or null. */
const whyNotSummarise = (state: RunState) =>
  summarising(state)
    ? ('why.summarising' as const)
    : grownPaths(state.paths).length > 0
      ? null
      : ('why.noText' as const)

export const runCommands: Command[] = [
  {
    id: 'run.stopAll',
    title: 'cmd.stopAll',
    group: 'run',
    icon: CircleStop,
    shortcut: 'Mod+.',
    why: (target) =>
      waits(target)
        ? null
        : (whyNotSteer(target) ??
          (stateOf(target)!.status === 'running' ? null : 'why.notRunning')),
    // While the run is queued or the summary is being written there is no path to stop, so the run is cancelled.
    run: (target) =>
      report(
        command(target.run!, {
          type: waits(target) || summarising(stateOf(target)!) ? 'cancel' : 'stop-all',
        }),
      ),
  },
  {
    id: 'run.summariseNow',
    title: 'cmd.summariseNow',
    group: 'run',
    icon: FastForward,
    shortcut: 'Mod+Shift+Enter',
    why(target) {
      const state = stateOf(target)
      return (
        whyNotSteer(target) ??
        (state!.status !== 'running' ? 'why.notRunning' : whyNotSummarise(state!))
      )
    },
    run: (target) => report(command(target.run!, { type: 'summarise' })),
  },
  {
    id: 'run.continueAll',
    title: 'cmd.continueAll',
    group: 'run',
    icon: StepForward,
    why: (target) =>
      whyNotSteer(target) ??
      whyNotContinue(target) ??
      (cutOff(stateOf(target)!).length > 0 ? null : 'why.notInterrupted'),
    run: (target) => {
      // Each goes on to the budget that it had.
      for (const { segment, budget, tokens } of cutOff(stateOf(target)!))
        report(
          command(target.run!, {
            type: 'extend',
            segment,
            tokens: Math.max(1, budget - tokens.length),
          }),
        )
    },
  },
  {
    id: 'run.summariseSubset',
    title: 'cmd.summariseSubset',
    group: 'run',
    icon: Combine,
    why: (target) => whyNotSteer(target) ?? whyNotSummarise(stateOf(target)!),
    run: (target) => openDialog('subset', target.run!),
  },
  {
    id: 'run.merge',
    title: 'cmd.merge',
    group: 'run',
    icon: Merge,
    why(target) {
      const state = stateOf(target)
      return (
        whyNotSteer(target) ??
        (state!.status === 'running'
          ? 'why.running'
          : grownPaths(state!.paths).length > 1
            ? null
            : 'why.onePath')
      )
    },
    run: (target) => {
      report(command(target.run!, { type: 'summarise' }))
      followSummary(target.run!)
    },
  },
  ...QuestionKind.options.map((kind): Command => ({
    id: `run.question.${kind}`,
    title: KIND_TITLE[kind],
    group: 'run',
    icon: CircleHelp,
    why: (target) =>
      whyNotSteer(target) ?? (questionOf(stateOf(target)!) === kind ? 'why.sameKind' : null),
    run: (target) => report(command(target.run!, { type: 'question', kind })),
  })),
  {
    id: 'run.again',
    title: 'cmd.runAgain',
    group: 'run',
    icon: RotateCcw,
    why: whyNotAgain,
    run: (target) => {
      const state = stateOf(target)!
      const draft = { ...draftOf(state), settings: { ...state.settings, seed: undefined } }
      report(
        startAgain(draft, placeOf(state.model!)).then(
          (run) => run !== null && go({ view: 'run', run }),
        ),
      )
    },
  },
  {
    id: 'run.edit',
    title: 'cmd.edit',
    group: 'run',
    icon: Edit3,
    why: whyNoRun,
    run: (target) => {
      edit(draftOf(stateOf(target)!))
      go({ view: 'compose' })
    },
  },
  {
    id: 'run.otherStrategy',
    title: 'cmd.otherStrategy',
    group: 'run',
    icon: GitCompare,
    why: whyNotAgain,
    run: (target) => openDialog('strategy', target.run!),
  },
  {
    id: 'run.followUp',
    title: 'cmd.followUp',
    group: 'run',
    icon: CornerDownRight,
    why: (target) =>
      whyNotSteer(target) ??
      (answered(target) === undefined
        ? 'why.noSummary'
        : stateOf(target)!.status === 'running'
          ? 'why.running'
          : null),
    run: (target) => {
      const state = stateOf(target)!
      edit({
        ...draftOf(state),
        ...(state.settings !== null && { settings: nextSettings(target.run!, state.settings) }),
        problem: useUi.getState().asks[target.run!] ?? '',
        followUp: {
          run: target.run!,
          segment: answered(target)!,
          title: state.problem.slice(0, 120),
        },
        versionOf: null,
      })
      go({ view: 'compose' })
    },
  },
  {
    id: 'run.attribution',
    title: 'cmd.attribution',
    group: 'view',
    icon: ChartBarBig,
    shortcut: 'Alt+A',
    why(target) {
      const summary = summaryFor(target)
      return (
        whyNotSteer(target) ??
        (summary === undefined || summary.tokens.length === 0
          ? 'why.noSummary'
          : summary.source.type === 'merge'
            ? 'why.merged'
            : stateOf(target)!.status === 'running'
              ? 'why.running'
              : null)
      )
    },
    run: ({ run, summary }) => {
      go({ view: 'inspect', run: run!, segment: summary!, at: null })
      void askAttribution(run!, summary!)
    },
  },
  {
    id: 'run.comparePaths',
    title: 'cmd.comparePaths',
    group: 'view',
    icon: SquareStack,
    shortcut: 'Alt+C',
    why: (target) => whyNoRun(target) ?? (stateOf(target)!.paths.length > 1 ? null : 'why.onePath'),
    run: (target) =>
      go({
        view: 'compare-paths',
        run: target.run!,
        paths: stateOf(target)!
          .paths.slice(0, 2)
          .map(({ segment }) => segment),
      }),
  },
  {
    id: 'run.replay',
    title: 'cmd.replay',
    group: 'view',
    icon: SkipForward,
    shortcut: 'Alt+R',
    why: (target) =>
      whyNoRun(target) ??
      (stateOf(target)!.status === 'running' && useReplay.getState().replay === null
        ? 'why.running'
        : null),
    run: (target) => {
      if (useReplay.getState().replay?.run === target.run) return stopReplay()
      go({ view: 'run', run: target.run! })
      startReplay(target.run!)
    },
  },
  {
    id: 'replay.toggle',
    title: 'cmd.replayToggle',
    group: 'view',
    icon: Pause,
    shortcut: 'K',
    why: whyNoReplay,
    run: () => setPlaying(!useReplay.getState().replay!.playing),
  },
  {
    id: 'replay.next',
    title: 'cmd.replayNext',
    group: 'view',
    icon: ChevronsRight,
    shortcut: 'N',
    why: (target) =>
      whyNoReplay(target) ??
      (captionsOf(target.run!).some(({ at }) => at > useReplay.getState().replay!.time)
        ? null
        : 'why.noCaption'),
    run: seekNextCaption,
  },
  {
    id: 'run.find',
    title: 'cmd.find',
    group: 'view',
    icon: Search,
    shortcut: 'Mod+F',
    why: whyNoRun,
    run: (target) => {
      go({ view: 'run', run: target.run! })
      useUi.setState({ find: true })
    },
  },
  {
    id: 'run.open',
    title: 'cmd.backToRun',
    group: 'view',
    icon: Layers,
    shortcut: 'Alt+B',
    why: whyNoRun,
    run: (target) => go({ view: 'run', run: target.run! }),
  },
]
