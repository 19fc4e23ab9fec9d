import { Play } from 'lucide-react'
import { useEffect } from 'react'
import { pathId } from '../../engine/protocol/segments.ts'
import { ownEntry } from '../../engine/protocol/own.ts'
import { useT, type MessageKey } from '../i18n/index.ts'
import { edit, useCompose } from '../store/compose.ts'
import { useHistory } from '../store/history.ts'
import { AboutSize, DownloadButton, GoodFor } from '../models/Recommended.tsx'
import { isInfo, loadCatalogue, showTab, useBundled, useModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { openSample } from '../store/sample.ts'
import { report } from '../store/toasts.ts'

const EXAMPLES = [
  'example.1',
  'example.2',
  'example.3',
  'example.4',
] as const satisfies readonly MessageKey[]
/** Problems for the bundled models, in the only wording that they were trained on. */
const NUMBERS = [
  'Make 66 from 13, 15, 18 and 20.',
  'Make 24 from 3, 5, 7 and 9.',
  'Make 30 from 3, 2, 9 and 17.',
  'Make 21 from 18, 15, 14 and 9.',
]

/**
 * Offers example problems for a new conversation, in one line once the user writes. A model with a limited scope has
 * none, except the bundled one.
 */
export function Examples() {
  const t = useT()
  const writing = useCompose((s) => s.problem !== '')
  const followsUp = useCompose((s) => s.followUp !== null)
  const model = usePrefs((s) => s.model)
  const bundled = useBundled(model)
  const info = useModels((s) => {
    const own = ownEntry(s.infos, model)
    return isInfo(own) ? own : null
  })
  const limited = info?.scope !== undefined
  const forks = info?.forks !== undefined
  const problems = !limited ? EXAMPLES.map((key) => t(key)) : bundled ? NUMBERS : []
  if (followsUp || problems.length === 0) return null
  return (
    <section className="first" aria-labelledby="examples">
      <h2 id="examples" className="small dim">
        {t(!bundled ? 'first.examples' : forks ? 'first.gameForks' : 'first.game')}
      </h2>
      <ul className={writing ? 'examples one-line' : 'examples'}>
        {problems.map((text) => (
          <li key={text}>
            <button type="button" className="example" onClick={() => edit({ problem: text })}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Says in one sentence what Braid does, until the first run. */
export function Welcome() {
  const t = useT()
  const noRun = useHistory((s) => s.list === null || s.list.length === 0)
  if (!noRun) return null
  return (
    <header className="welcome">
      <h1>Braid</h1>
      <p>{t('first.sentence')}</p>
    </header>
  )
}

/** The wording of the bundled model's game. */
const GAME = /^\s*make\s+\d+\s+(?:from|out of|with|using)\s+\d/i

/** Opens the models page where models are downloaded, or where files are added. */
function openModels(tab: 'get' | 'library'): void {
  showTab(tab)
  go({ view: 'models' })
}

export function GetModelButton() {
  const t = useT()
  return (
    <button type="button" className="btn tiny" onClick={() => openModels('get')}>
      {t('compose.getModel')}
    </button>
  )
}

/** The most models that are offered beside a question. */
const MOST_OFFERED = 5

/** Says before the start that the bundled model plays one game only, and offers models that fit this machine. */
export function OutsideGame() {
  const t = useT()
  const problem = useCompose((s) => s.problem)
  const model = usePrefs((s) => s.model)
  const bundled = useBundled(model)
  const catalogue = useModels((s) => s.catalogue)
  const outside = bundled && problem.trim().length >= 4 && !GAME.test(problem)
  useEffect(() => {
    if (outside) report(loadCatalogue())
  }, [outside])
  if (!outside) return null
  const offered = (catalogue ?? []).filter(
    ({ kind, verdict }) => kind === 'gguf' && verdict !== undefined && verdict !== 'wont-fit',
  )
  return (
    <div className="callout warn small outside" data-notice="outside-game">
      <p>{t('first.outside')}</p>
      {offered.length > 0 && (
        <ul className="outside-offers" aria-label={t('get.catalogue')}>
          {offered.slice(0, MOST_OFFERED).map((one) => (
            <li key={one.id}>
              <strong>{one.name}</strong>
              <span className="grow">
                <GoodFor model={one} />
              </span>
              <AboutSize model={one} />
              <DownloadButton model={one} look="tiny" />
            </li>
          ))}
        </ul>
      )}
      <div className="row">
        <GetModelButton />
        <button type="button" className="btn tiny" onClick={() => openModels('library')}>
          {t('compose.addModel')}
        </button>
      </div>
    </div>
  )
}

/**
 * Explains Braid until the first run, with a recorded run to replay. Without a model it comes first and leads to the
 * models page.
 */
export function Teach({ first }: { first: boolean }) {
  const t = useT()
  const noRun = useHistory((s) => s.list === null || s.list.length === 0)
  const noModel = useModels((s) => s.list !== null && s.list.length === 0)
  if (!noRun || first !== noModel) return null
  return (
    <section className="panel teach" aria-labelledby="teach">
      <header>
        <h2 id="teach">{t('first.title')}</h2>
      </header>
      <div className="body">
        <Picture />
        <div className="teach-text">
          <p>{t('first.text')}</p>
          {noModel && <p className="small dim">{t('first.modelHow')}</p>}
          <div className="row wrap">
            <SampleButton />
            {noModel && (
              <button type="button" className="btn primary" onClick={() => go({ view: 'models' })}>
                {t('first.getModel')}
              </button>
            )}
          </div>
          <p className="small dim">{t('first.sampleWhat')}</p>
          <p className="small dim" data-measured>
            {t('first.measured')}
          </p>
        </div>
      </div>
    </section>
  )
}

export function SampleButton() {
  const t = useT()
  return (
    <button type="button" className="btn" onClick={() => report(openSample())}>
      <Play size={14} />
      {t('first.sample')}
    </button>
  )
}

/** Draws one problem, four parallel paths and one answer. */
function Picture() {
  const t = useT()
  const rows = [26, 58, 90, 122]
  return (
    <svg className="picture" viewBox="0 0 560 150" role="img" aria-label={t('first.picture')}>
      <rect x="4" y="54" width="92" height="40" rx="4" className="pic-box" />
      <text x="50" y="78" className="pic-text">
        {t('first.problem')}
      </text>
      {rows.map((y, i) => (
        <g key={y} data-segment={pathId(i + 1)}>
          <path
            d={`M96 74C130 74 120 ${y} 156 ${y}H372C408 ${y} 398 74 432 74`}
            className="pic-path"
          />
          <rect x="212" y={y - 11} width="104" height="22" rx="11" className="pic-pill" />
          <text x="264" y={y + 4} className="pic-text">
            {t('lane.name', { path: i + 1 })}
          </text>
        </g>
      ))}
      <rect x="432" y="54" width="124" height="40" rx="4" className="pic-box strong" />
      <text x="494" y="78" className="pic-text">
        {t('first.summary')}
      </text>
    </svg>
  )
}
