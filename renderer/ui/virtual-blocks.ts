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
  /** The same function each time: with another one, all heights are added up anew. */
  keyOf: (index: number) => number
  /** Height in pixels of a block that was not drawn yet, where lines are `width` pixels long. */
  estimate: (index: number, width: number) => number
  scroller: () => HTMLDivElement | null
  /** The list or its place changed: heights became known, or the box did. */
  onChange: () => void
  /** The box was scrolled, by whomever. */
  onOffset: () => void
  /** The list is drawn anew, since a block in view is missing. */
  onMissing: () => void
}

/**
 * The blocks that are in view, between two spaces that stand for the others. They lie in the page's flow, so that one which
 * turns out higher than estimated moves what follows by itself; only a block that is missing has the list drawn anew.
 */
export function useVirtualBlocks({
  count,
  keyOf,
  estimate,
  scroller,
  onChange,
  onOffset,
  onMissing,
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
    // Measured with the frame it is first laid out in, which its observer tells: at once, it would be laid out twice.
    measureElement: (
      el: HTMLDivElement,
      entry: ResizeObserverEntry | undefined,
      instance: typeof virtual,
    ): number =>
      entry === undefined
        ? instance.measurementsCache[instance.indexFromElement(el)]!.size
        : measureElement(el, entry, instance),
    onChange: (instance: typeof virtual) => {
      if (instance.getVirtualIndexes().some((index) => !drawn.current.includes(index))) {
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
