import type { ReactNode } from 'react'
import { visible } from '../ui/visible.ts'

export type Fact = [name: string, value: ReactNode]

/** Shows a model's name, what can be done with it, and facts about it. */
export function FactsPanel({
  name,
  actions,
  facts,
}: {
  name: string
  actions: ReactNode
  facts: readonly Fact[]
}) {
  return (
    <section className="panel" aria-labelledby="model-name">
      <header>
        <h2 id="model-name" className="grow ellipsis">
          <bdi>{visible(name)}</bdi>
        </h2>
        {actions}
      </header>
      <dl className="facts-list">
        {facts.map(([fact, value]) => (
          <div key={fact}>
            <dt>{fact}</dt>
            <dd dir="auto">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
