import { useLayoutEffect, useState, type RefObject } from 'react'

/** Least width of a lane and the space between two, in pixels; lanes.css has the same. */
const [LANE, GAP] = [248, 8]
/** The most columns of a narrow grid. */
const NARROW = 3
/** The most lanes whose heads have two rows. */
export const MANY = 8

/**
 * Returns how many columns of lanes leave the fewest holes in the last row, in a grid of this width. Of those that leave
 * as few, the most; never under half of what fits, so that lanes are not needlessly low. In a narrow grid, many lanes
 * take every column that fits: there, another row costs more than a hole.
 */
export function columnsOf(count: number, width: number): number {
  // Four are wider and as high in two rows.
  if (count === 2 || count === 4) return 2
  const most = Math.max(1, Math.min(count, Math.floor((width + GAP) / (LANE + GAP))))
  if (count > MANY && most <= NARROW) return most
  let best = most
  const holes = (columns: number) => columns * Math.ceil(count / columns) - count
  for (let columns = most - 1; columns >= Math.max(2, most / 2); columns--)
    if (holes(columns) < holes(best)) best = columns
  return best
}

/** Returns the columns of a grid of lanes; null until its width is known. */
export function useColumns(grid: RefObject<HTMLElement | null>, count: number): number | null {
  const [width, setWidth] = useState<number | null>(null)
  useLayoutEffect(() => {
    const element = grid.current
    if (element === null) return
    const { paddingInlineStart, paddingInlineEnd } = getComputedStyle(element)
    const padding = parseFloat(paddingInlineStart) + parseFloat(paddingInlineEnd)
    const measure = () => setWidth(element.clientWidth - padding)
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [grid])
  return width === null ? null : columnsOf(count, width)
}
