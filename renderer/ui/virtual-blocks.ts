import {
  elementScroll,
  measureElement,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from '@tanstack/react-virtual'
import { useLayoutEffect, useReducer, useRef, useState } from 'react'

interface Options {
  count: number
  /** Must be the same function each time; a different one makes all heights be summed again. */
  keyOf: (index: number) => number
  /** Returns the estimated height in pixels of a block that was not drawn yet, for lines `width` pixels long. */
  estimate: (index: number, width: number) => number
  scroller: () => HTMLDivElement | null
  /** Called when heights become known or the box changes. */
  onChange: () => void
  /** Called when the box is scrolled, by the user or by code. */
  onOffset: () => void
  /** Called when the list must be drawn again because a block in view is missing. */
  onMissing: () => void
  /** Whether the box stays at its end: then no block beyond those in view is drawn before the next drawing. */
  following: () => boolean
}

/**
 * Returns the blocks in view, between two spacers for the others. The blocks are in normal flow, so a block that turns out
 * higher than estimated moves the rest by itself; the list is drawn again only when a block is missing.
 */
export function useVirtualBlocks({
  count,
  keyOf,
  estimate,
  scroller,
  onChange,
  onOffset,
  onMissing,
  following,
}: Options): Virtualizer<HTMLDivElement, HTMLDivElement> {
  const redraw = useReducer((times: number) => times + 1, 0)[1]
  const drawn = useRef<readonly number[]>([])
  const options = {
    count,
    getItemKey: keyOf,
    overscan: 1,
    useScrollendEvent: true,
    getScrollElement: scroller,
    estimateSize: (index: number): number => estimate(index, virtual.scrollRect?.width ?? 360),
    scrollToFn: elementScroll,
    observeElementRect: (
      instance: typeof virtual,
      tell: Parameters<typeof observeElementRect<HTMLDivElement>>[1],
    ) =>
      observeElementRect(instance, (rect) => {
        tell(rect)
        onChange()
      }),
    observeElementOffset: (
      instance: typeof virtual,
      tell: Parameters<typeof observeElementOffset<HTMLDivElement>>[1],
    ) =>
      observeElementOffset(instance, (offset, scrolling) => {
        onOffset()
        tell(offset, scrolling)
      }),
    // Its observer reports the height in the frame of the first layout; measuring now would cause a second layout.
    measureElement: (
      el: HTMLDivElement,
      entry: ResizeObserverEntry | undefined,
      instance: typeof virtual,
    ): number =>
      entry === undefined
        ? instance.measurementsCache[instance.indexFromElement(el)]!.size
        : measureElement(el, entry, instance),
    onChange: (instance: typeof virtual) => {
      const near = instance.getVirtualIndexes()
      const { startIndex, endIndex } = instance.range ?? { startIndex: 0, endIndex: -1 }
      const wanted = following()
        ? near.filter((index) => index >= startIndex && index <= endIndex)
        : near
      if (wanted.some((index) => !drawn.current.includes(index))) {
        onMissing()
        redraw()
      }
      onChange()
    },
  }
  const [virtual] = useState(
    (): Virtualizer<HTMLDivElement, HTMLDivElement> => new Virtualizer(options),
  )
  virtual.setOptions(options)
  useLayoutEffect(() => virtual._didMount(), [virtual])
  useLayoutEffect(() => {
    drawn.current = virtual.getVirtualIndexes()
    virtual._willUpdate()
  })
  return virtual
}
