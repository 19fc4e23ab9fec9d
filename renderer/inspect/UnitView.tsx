import { memo, useMemo } from 'react'
import { codeOf, textOf, type Range } from '../../engine/protocol/markdown/blocks.ts'
import { isProse, plainOf } from '../../engine/protocol/markdown/plain.ts'
import { useFormatted } from '../format/useFormatted.tsx'
import { CodeView } from '../ui/BlockView.tsx'
import type { Unit } from './units.ts'

/** Shows a unit of a text as it is drawn elsewhere, with the ranges `marks` of it marked. */
export const UnitView = memo(function UnitView({
  text,
  unit,
  marks,
}: {
  text: string
  unit: Unit
  marks: readonly Range[]
}) {
  const own = useMemo(() => textOf(text, unit, null).text, [text, unit])
  const placed = useMemo(
    () =>
      marks.flatMap(([from, to]): Range[] => {
        const { mark } = textOf(text, unit, [unit.start + from, unit.start + to])
        return mark === null ? [] : [mark]
      }),
    [text, unit, marks],
  )
  if (unit.kind === 'code') return <MarkedCode text={text} unit={unit} marks={placed} />
  return <Marked text={own} marks={placed} />
})

function MarkedCode({ text, unit, marks }: { text: string; unit: Unit; marks: readonly Range[] }) {
  const { code, info, inside } = useMemo(() => {
    const { code, info, lead } = codeOf(text, unit)
    const inside = marks.flatMap(([from, to]): Range[] => {
      const range = [Math.max(0, from - lead), Math.min(code.length, to - lead)] as const
      return range[0] < range[1] ? [range] : []
    })
    return { code, info, inside }
  }, [text, unit, marks])
  return (
    <CodeView
      code={code}
      info={info}
      markStart={0}
      markEnd={0}
      marks={inside}
      fence={0}
      copy={() => code}
    />
  )
}

function Marked({ text, marks }: { text: string; marks: readonly Range[] }) {
  const formatted = useFormatted(text, null, {
    wanted: marks.length > 0 || !isProse(text),
    marks,
  })
  if (formatted === null)
    return (
      <div className="block plain" dir="auto">
        {plainOf(text).text}
      </div>
    )
  return (
    <div className="block md" dir="auto">
      {formatted}
    </div>
  )
}
