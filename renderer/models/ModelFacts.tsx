import type { ReactNode } from 'react'
import { useT } from '../i18n/index.ts'
import { bytes, integer } from '../i18n/format.ts'
import { isInfo, useModels } from '../store/models.ts'
import { visible } from '../ui/visible.ts'

/** What a GGUF says of itself. */
export function ModelFacts({ file, actions }: { file: string; actions: ReactNode }) {
  const t = useT()
  const info = useModels((s) => s.infos[file])
  if (info === undefined) return <section className="panel"><p className="body dim">{t('models.reading')}</p></section>
  if (!isInfo(info)) return <section className="panel"><p className="body bad-text" role="alert" dir="auto">{info.message}</p></section>
  const facts: [string, ReactNode][] = [
    [t('fact.architecture'), info.architecture],
    [t('fact.parameters'), `${(info.parameters / 1e9).toFixed(2)} B`],
    [t('fact.quantisation'), `${info.quantisation} · ${bytes(info.sizeBytes)}`],
    [t('fact.context'), t('unit.tokens', { count: info.trainContext, shown: integer(info.trainContext) })],
    [t('fact.shape'), t('fact.shapeValue', { layers: info.layers, heads: info.heads, kvHeads: info.kvHeads, dim: info.headDim })],
    [t('fact.kv'), Object.entries(info.kvBytesPerToken).map(([type, size]) => `${type} ${bytes(size)}`).join(' · ')],
    [t('fact.parallel'), info.nativePaths > 0 ? t('model.native', { count: info.nativePaths }) : t('model.foreign')],
    [t('fact.thoughts'), info.thoughtRows === 0 ? t('fact.noThoughts') : t('fact.thoughtRows', { rows: info.thoughtRows })],
    ...(info.cannotJoin === undefined ? [] : [[t('fact.fusion'), t(`join.${info.cannotJoin}`)] as [string, ReactNode]]),
    ...(info.controlTokens.length === 0 ? [] : [[t('fact.tokens'), <span className="mono small">{info.controlTokens.map(visible).join(' ')}</span>] as [string, ReactNode]]),
    ...(info.scope === undefined ? [] : [[t('fact.scope'), <bdi>{visible(info.scope)}</bdi>] as [string, ReactNode]]),
    ...(info.licence === undefined ? [] : [[t('fact.licence'), <bdi>{visible(info.licence)}</bdi>] as [string, ReactNode]]),
    [t('fact.hash'), <span className="mono small hash">{info.headerSha256}</span>],
  ]
  return (
    <section className="panel" aria-labelledby="model-name">
      <header><h2 id="model-name" className="grow ellipsis"><bdi>{visible(info.name)}</bdi></h2>{actions}</header>
      <dl className="facts-list">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd dir="auto">{value}</dd></div>)}</dl>
    </section>
  )
}
