import type { Virtualizer } from '@tanstack/react-virtual'
import type { Place } from '../store/scroll.ts'
import { blockAt, type Block } from '../../engine/protocol/markdown/blocks.ts'

type List = Virtualizer<HTMLDivElement, HTMLDivElement>

/**
 * Returns the reading place at the top edge. Pixels would not work: heights are estimates until drawn and change with
 * the width.
 */
export function topOf(
  virtual: List,
  blocks: readonly Block[],
  top: number,
): Pick<Place, 'start' | 'into'> {
  const item = virtual.getVirtualItemForOffset(top)
  const block = item && blocks[item.index]
  if (item === undefined || block === undefined || top > virtual.getTotalSize())
    return { start: blocks.at(-1)?.end ?? 0, into: top - virtual.getTotalSize() }
  return {
    start: block.start,
    into: Math.min(1, Math.max(0, (top - item.start) / Math.max(1, item.size))),
  }
}

const STILL = 4
const MOST = 40

/**
 * Scrolls to a reading place, and again while the blocks around it are measured, until it is stable. Returns a
 * function that ends this.
 */
export function returnTo(
  { start, into }: Place,
  el: HTMLElement,
  virtual: List,
  blocks: readonly Block[],
  done: () => void,
): () => void {
  const index = blockAt(blocks, start)
  const item = () => virtual.measurementsCache[index]
  const wanted = () =>
    item() === undefined ? virtual.getTotalSize() + into : item()!.start + into * item()!.size
  let still = 0
  let frames = 0
  let frame = 0
  const step = () => {
    const top = Math.round(wanted())
    still = Math.abs(el.scrollTop - top) < 2 ? still + 1 : 0
    el.scrollTop = top
    if (still < STILL && ++frames < MOST) frame = requestAnimationFrame(step)
    else done()
  }
  step()
  return () => cancelAnimationFrame(frame)
}
