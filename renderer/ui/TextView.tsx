import { memo, useMemo } from 'react'
import { BlockSplitter, wholeCode } from '../../engine/protocol/markdown/blocks.ts'
import { ClosedBlock } from './StreamText.tsx'

/** A finished text of moderate length, formatted like the text of a path. */
export const TextView = memo(function TextView({ text }: { text: string }) {
  const blocks = useMemo(() => {
    const splitter = new BlockSplitter()
    splitter.advance(text, true)
    return splitter.blocks
  }, [text])
  const copy = useMemo(() => (fence: number) => wholeCode(text, blocks, fence), [text, blocks])
  return blocks.map((block) => (
    <ClosedBlock key={block.start} text={text} block={block} span={null} copy={copy} />
  ))
})
