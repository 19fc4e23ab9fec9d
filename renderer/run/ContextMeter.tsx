import { ownEntry } from '../../engine/protocol/own.ts'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { contextOf } from '../store/context.ts'
import { chosenInfo, effective, useCompose } from '../store/compose.ts'
import { usePrefs } from '../store/prefs.ts'
import { useModels } from '../store/models.ts'
import { Tip } from '../ui/Tip.tsx'

/** How many tokens of context the run needs at most, of those that the model was trained for. */
export function ContextMeter() {
  const t = useT()
  const settings = useCompose((s) => s.settings)
  const prompt = useCompose((s) => s.promptTokens)
  const positions = useCompose((s) => s.fit?.positions)
  const model = usePrefs((s) => s.model)
  useModels((s) => ownEntry(s.infos, model))
  const info = chosenInfo()
  const full = effective(settings, info)
  if (prompt === null || full === null || info === null) return null
  const trained = positions ?? info.trainContext
  const { path, summary, most } = contextOf(full, prompt, info)
  const over = most > trained
  const parts = t('context.parts', {
    prompt: integer(prompt),
    path: integer(path),
    summary: integer(summary),
  })
  return (
    <Tip text={over ? `${parts} ${t('context.over')}` : parts}>
      <span
        className={over ? 'context-meter small num warn' : 'context-meter small num dim'}
        tabIndex={0}
        data-context={most}
      >
        {t('context.of', { used: integer(most), trained: integer(trained) })}
      </span>
    </Tip>
  )
}
