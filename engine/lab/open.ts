import { createHash } from 'node:crypto'
import { chunksOf } from '../files/index.ts'
import { filesOf, readModel } from '../models/index.ts'
import { fail } from '../protocol/errors.ts'
import type { LabPlan, LabSpec } from '../protocol/lab.ts'
import type { RunRequest, RunSettings } from '../protocol/request.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { thoughtRows } from '../run/index.ts'
import { ablationUnits } from './ablate.ts'
import { bankUnits } from './bank-lab.ts'
import type { Runner } from './experiment.ts'
import { readProblems, scored, type ProblemSet } from './problems.ts'
import { tunnelUnits } from './tunnel.ts'
import { gridUnits, type Unit } from './unit.ts'

/** The parts of an experiment that are known before its units. */
export interface Lab {
  spec: LabSpec
  /** Folder for results.jsonl, results.json, results.csv and report.html. */
  out: string
  runners: () => Runner[]
  model: ModelInfo
  /** The whole set; `problems` are those that are used. */
  set: ProblemSet
  problems: ProblemSet['problems']
  settle: (asked: RunRequest['settings']) => RunSettings
  seed: number
}

/**
 * Reads model and problems, and decides how runs share the machine. Throws `bad-model`,
 * `model-not-found`, `io` or `bad-request`.
 */
export async function openLab(
  spec: LabSpec,
  place: Pick<Lab, 'out' | 'runners'> = { out: '', runners: () => [] },
): Promise<Lab> {
  const { info: model, metadata } = await readModel(spec.model)
  const set = readProblems(spec.data, spec.fields)
  const { suffix = '' } = spec
  // A run that shares its context gives other tokens from time to time: see `RunSettings.alone`.
  const shared = {
    ...spec.settings,
    alone: spec.settings.alone ?? spec.jobs === 1,
    // Problems of a set have one short answer each, which is scored.
    question: spec.settings.question ?? 'value',
  }
  const defaults = { metadata, nativePaths: model.nativePaths }
  return {
    spec,
    ...place,
    model,
    seed: spec.settings.seed ?? 0,
    set,
    problems: scored(set)
      .slice(0, spec.limit)
      .map((one) => ({ ...one, problem: one.problem + suffix })),
    settle: (more) =>
      resolveSettings(
        {
          ...shared,
          // Measured by its summaries: its votes are those of `majority`.
          ...(more.strategy === 'parallel' && { answerBy: shared.answerBy ?? 'summary' }),
          ...more,
          seed: 0,
          sampling: { ...shared.sampling, ...more.sampling },
          controls: { ...shared.controls, ...more.controls },
          engine: { ...shared.engine, ...more.engine },
        },
        defaults,
      ),
  }
}

/**
 * Returns the units of an experiment. Throws `too-many-paths` if the model lacks control tokens for
 * one of them, `bad-combination` if it has none to ablate.
 */
export function unitsOf(lab: Lab): Unit[] {
  const units = planned(lab, lab.spec.plan)
  const { model } = lab
  const pairs = Array.from({ length: model.nativePaths }, () => ({ open: 0, close: 0 }))
  for (const { settings } of units)
    thoughtRows(settings, { tokens: { pairs }, thoughtRows: model.thoughtRows })
  return units
}

function planned(lab: Lab, plan: LabPlan): Unit[] {
  switch (plan.kind) {
    case 'eval': {
      const own = lab.settle({ strategy: 'parallel' })
      const { paths = [1, 2, 4, 8, 16, 32, 64].filter((p) => p <= own.paths) } = plan
      return gridUnits({ ...plan, paths, budgets: plan.budgets ?? [own.budget] }, lab.settle)
    }
    case 'tunnel':
      return tunnelUnits(lab, plan)
    case 'ablate':
      return ablationUnits(lab, plan)
    case 'bank':
      if (lab.model.nativePaths > 0) throw fail('bad-combination/bank-trained')
      return bankUnits(lab, plan)
  }
}

/** Returns the SHA-256 of files, one after another, in hex. */
export async function hashFiles(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) for await (const chunk of chunksOf(file)) hash.update(chunk)
  return hash.digest('hex')
}

/** Returns the SHA-256 of a model's complete files: checkpoints of one shape have equal headers. */
export const hashModel = (model: ModelInfo): Promise<string> => hashFiles(filesOf(model.file))
