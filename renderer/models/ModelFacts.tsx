import type { ReactNode } from 'react'
import type { ModelEntry } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { errorWords } from '../i18n/wording.ts'
import { bytes, integer } from '../i18n/format.ts'
import { host } from '../store/host.ts'
import { isInfo, useModels } from '../store/models.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { FactsPanel, type Fact } from './FactsPanel.tsx'
import { Verdict } from './FitPill.tsx'
import { ServerFacts } from './ServerFacts.tsx'
import { trainedFor } from './trained.ts'

/** Shows the metadata of a GGUF file and the memory that a run with it needs. */
export function ModelFacts({ entry, actions }: { entry: ModelEntry; actions: ReactNode }) {
  const t = useT()
  const info = useModels((s) => s.infos[entry.file])
  const fit = useModels((s) => s.fits[entry.file])
  if (info === undefined)
    return (
      <section className="panel">
        <p className="body dim">{t('models.reading')}</p>
      </section>
    )
  if (!isInfo(info))
    return (
      <section className="panel">
        <p className="body bad-text" role="alert" dir="auto">
          {errorWords(info)}
        </p>
      </section>
    )
  if (info.capabilities !== undefined)
    return <ServerFacts info={info} capabilities={info.capabilities} actions={actions} />
  const { paths, budget } = info.defaults
  const facts: Fact[] = [
    ...(fit === undefined
      ? []
      : [
          [
            t('fact.memory'),
            <span className="col tight">
              <span className="row wrap">
                <Verdict verdict={fit.verdict} />
                <span className="num">
                  {t('fact.memoryFor', { total: bytes(fit.total), paths, budget: integer(budget) })}
                </span>
              </span>
              {fit.devices.map((device) => (
                <span key={device.name} className="small dim num">
                  {t('fit.device', {
                    name: device.name,
                    weights: bytes(device.weights),
                    kv: bytes(device.kv),
                    compute: bytes(device.compute),
                    free: bytes(device.free),
                  })}
                </span>
              ))}
              {fit.short !== undefined && (
                <span className="small bad-text">
                  {t('fit.short', { device: fit.short.device, bytes: bytes(fit.short.bytes) })}
                </span>
              )}
            </span>,
          ] as Fact,
        ]),
    [t('fact.device'), <DeviceChoice entry={entry} />],
    [t('fact.parallel'), trainedFor(info, t) ?? t('model.foreignLong')],
    ...(info.cannotJoin === undefined
      ? []
      : [[t('fact.fusion'), t(`join.${info.cannotJoin}`)] as Fact]),
    ...(info.scope === undefined
      ? []
      : [[t('fact.scope'), <bdi>{visible(info.scope)}</bdi>] as Fact]),
    [t('fact.architecture'), info.architecture],
    [
      t('fact.parameters'),
      info.parameters >= 1e9
        ? `${(info.parameters / 1e9).toFixed(2)} B`
        : `${(info.parameters / 1e6).toFixed(1)} M`,
    ],
    [t('fact.quantisation'), `${info.quantisation} · ${bytes(info.sizeBytes)}`],
    [
      t('fact.context'),
      t('unit.tokens', { count: info.trainContext, shown: integer(info.trainContext) }),
    ],
    [
      t('fact.shape'),
      t('fact.shapeValue', {
        layers: info.layers,
        heads: info.heads,
        kvHeads: info.kvHeads,
        dim: info.headDim,
      }),
    ],
    [
      t('fact.kv'),
      Object.entries(info.kvBytesPerToken)
        .map(([type, size]) => `${type} ${bytes(size)}`)
        .join(' · '),
    ],
    [
      t('fact.thoughts'),
      info.thoughtRows === 0
        ? t('fact.noThoughts')
        : t('fact.thoughtRows', { rows: info.thoughtRows }),
    ],
    ...(info.controlTokens.length === 0
      ? []
      : [
          [
            t('fact.tokens'),
            <span className="mono small">{ranges(info.controlTokens).map(visible).join(' ')}</span>,
          ] as Fact,
        ]),
    ...(info.licence === undefined
      ? []
      : [[t('fact.licence'), <bdi>{visible(info.licence)}</bdi>] as Fact]),
    [
      t('fact.template'),
      info.templateSha256 === undefined ? (
        t('fact.noTemplate')
      ) : (
        <span className="mono small hash">{info.templateSha256}</span>
      ),
    ],
    [t('fact.hash'), <span className="mono small hash">{info.headerSha256}</span>],
  ]
  return <FactsPanel name={info.name} actions={actions} facts={facts} />
}

/** Abbreviates tokens that differ only in their number: `<think1> … <think16>`. */
function ranges(tokens: readonly string[]): string[] {
  const kinds = new Map<string, string[]>()
  for (const token of tokens)
    kinds.set(token.replace(/\d+/, '#'), [...(kinds.get(token.replace(/\d+/, '#')) ?? []), token])
  return [...kinds.values()].flatMap((same) =>
    same.length > 2 ? [same[0]!, '…', same.at(-1)!] : same,
  )
}

/** Sets the default device for runs with this model. */
function DeviceChoice({ entry }: { entry: ModelEntry }) {
  const t = useT()
  const devices = useModels((s) => s.devices)
  const names = new Set([
    'cpu',
    ...devices.filter(({ type }) => type !== 'cpu').map(({ name }) => name),
    ...(entry.device === undefined ? [] : [entry.device]),
  ])
  return (
    <select
      className="select device-choice"
      aria-label={t('fact.device')}
      value={entry.device ?? ''}
      onChange={(event) =>
        report(
          host.call('models.setDevice', {
            file: entry.file,
            device: event.target.value === '' ? null : event.target.value,
          }),
        )
      }
    >
      <option value="">{t('fact.deviceAuto')}</option>
      {[...names].map((name) => {
        const device = devices.find((one) => one.name.toLowerCase() === name.toLowerCase())
        return (
          <option key={name} value={name}>
            {device === undefined ? name : `${name} · ${visible(device.description)}`}
          </option>
        )
      })}
    </select>
  )
}
