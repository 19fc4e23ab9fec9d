import type { Reason } from '../../protocol/programs.ts'
import type { ReasonCode } from '../../protocol/wording.ts'

/** As the protocol's `because`, without the schemas, which the child does not need. */
export const because = (code: ReasonCode, name?: string): Reason => ({
  code,
  ...(name !== undefined && { name }),
})
