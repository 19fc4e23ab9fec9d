import type { ReactNode } from 'react'
import { onServer } from '../../engine/protocol/address.ts'
import type { Capabilities } from '../../engine/protocol/capabilities.ts'
import { strategiesFor } from '../../engine/protocol/shapes.ts'
import type { ModelInfo } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { refusalWords } from '../i18n/wording.ts'
import { visible } from '../ui/visible.ts'
import { FactsPanel, type Fact } from './FactsPanel.tsx'

interface ServerFactsProps {
  info: ModelInfo
  capabilities: Capabilities
  actions: ReactNode
}

/** Shows what the server of a model can do, and why it cannot follow a strategy. */
export function ServerFacts({ info, capabilities: can, actions }: ServerFactsProps) {
  const t = useT()
  const facts: Fact[] = [
    [t('server.address'), <bdi className="mono">{visible(onServer(info.file)?.server ?? '')}</bdi>],
    [t('server.dialect'), t(`server.dialect.${can.dialect}`)],
    [
      t('fact.context'),
      can.context === undefined
        ? t('server.unknown')
        : t('unit.tokens', { count: can.context, shown: integer(can.context) }),
    ],
    [t('server.slots'), can.slots === undefined ? t('server.unknown') : integer(can.slots)],
    [t('server.branches'), t(can.tokens ? 'server.branches.yes' : 'server.branches.no')],
    [t('server.logprobs'), t(can.logprobs ? 'server.yes' : 'server.no')],
    [
      t('server.alternatives'),
      can.alternatives === 0 ? t('server.no') : t('server.upTo', { count: can.alternatives }),
    ],
    [t('fact.fusion'), t('join.server')],
    [
      t('server.strategies'),
      <span className="col tight">
        {strategiesFor(false).map((strategy) => {
          const why = refusalWords(can, { ...info.defaults, strategy })
          return (
            <span key={strategy} className={why === null ? undefined : 'dim'}>
              {t(`strategy.${strategy}`)}
              {why !== null && <span className="small">: {why}</span>}
            </span>
          )
        })}
      </span>,
    ],
  ]
  return <FactsPanel name={info.name} actions={actions} facts={facts} />
}
