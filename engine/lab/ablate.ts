import { fail } from '../protocol/errors.ts'
import type { PlanOf } from '../protocol/lab.ts'
import { FinishWord, type RunRequest } from '../protocol/request.ts'
import type { Lab } from './open.ts'
import { makeUnit, type Unit } from './unit.ts'

/**
 * Returns variants of one parallel run, each with one change: the controls that reviewers of the
 * paper asked for, the finish rules, and fusion from text. With one path, only the variants that
 * make a difference there. Throws `bad-combination` if the model does not natively support parallel
 * thinking.
 */
export function ablationUnits(
  { model, settle }: Lab,
  { paths, budgets }: PlanOf<'ablate'>,
): Unit[] {
  if (model.nativePaths === 0)
    throw fail('bad-combination/nothing-to-ablate', { model: model.name })
  const base = settle({ strategy: 'parallel' })
  const variants: [name: string, change: RunRequest['settings'], alsoAlone: boolean][] = [
    ['as trained', {}, true],
    ['thought table off', { controls: { thoughtEmbedding: false } }, true],
    ['same control token', { controls: { sameToken: true } }, false],
    ['table off, same token', { controls: { thoughtEmbedding: false, sameToken: true } }, false],
    ...FinishWord.options
      .filter((rule) => rule !== base.finish)
      .map((finish): [string, RunRequest['settings'], boolean] => [
        `finish ${finish}`,
        { finish },
        false,
      ]),
    ['fusion by re-reading', { controls: { fusion: 'reread' } }, true],
  ]
  return (budgets ?? [base.budget]).flatMap((budget) =>
    (paths ?? [base.paths]).flatMap((width) =>
      variants
        .filter(
          ([name, , alsoAlone]) =>
            (width > 1 || alsoAlone) && (model.thoughtRows > 0 || !name.includes('table')),
        )
        .map(([variant, change]) =>
          makeUnit(settle({ strategy: 'parallel', paths: width, budget, ...change }), [], {
            variant,
          }),
        ),
    ),
  )
}
