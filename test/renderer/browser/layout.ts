import type { Page } from 'playwright-core'

/** Returns the parts of the page that cannot be reached by scrolling vertically. */
export const cutOff = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const wide =
      document.documentElement.scrollWidth > innerWidth
        ? [`page ${document.documentElement.scrollWidth} > ${innerWidth}`]
        : []
    const lost = [
      ...document.querySelectorAll<HTMLElement>('button, input, select, textarea'),
    ].filter((el) => {
      if (el.closest('.sr, .skip') !== null || el.getClientRects().length === 0) return false
      const box = el.getBoundingClientRect()
      if (box.left >= -1 && box.right <= innerWidth + 1) return false
      for (let up = el.parentElement; up !== null; up = up.parentElement)
        if (
          /auto|scroll/.test(getComputedStyle(up).overflowX) &&
          up.scrollWidth > up.clientWidth + 1
        )
          return false
      return true
    })
    return [...wide, ...lost.map((el) => el.outerHTML.slice(0, 120))]
  })

/**
 * Returns texts that lie over one another, names of which an ellipsis leaves hardly anything, number fields whose
 * placeholder is cut, and choices of which a part is cut.
 */
export const crowded = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const LABELS = '.label, .hint, .pill, .btn, .segmented *, h1, h2, h3, th, td, dt, dd, .small'
    const seen = (el: Element) =>
      el.closest('.sr, .skip, .visually-hidden, .toasts, svg, .katex') === null &&
      el.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })
    /** What floats above the page covers it rightly. */
    const layerOf = (el: Element) => el.closest('dialog, .popover, .menu, .status-bar')
    /** The rectangle of an element's own words, of which only what its ancestors show counts. */
    const wordsOf = (el: Element) => {
      const texts = [...el.childNodes].filter(
        (node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim() !== '',
      )
      if (texts.length === 0) return null
      const range = document.createRange()
      range.setStartBefore(texts[0]!)
      range.setEndAfter(texts.at(-1)!)
      let { left, right, top, bottom } = range.getBoundingClientRect()
      for (let up: Element | null = el; up !== null; up = up.parentElement) {
        if (getComputedStyle(up).position === 'sticky') return null // may lie over what scrolls
        if (getComputedStyle(up).overflowX === 'visible') continue
        const box = up.getBoundingClientRect()
        left = Math.max(left, box.left)
        right = Math.min(right, box.right)
        top = Math.max(top, box.top)
        bottom = Math.min(bottom, box.bottom)
      }
      return right - left > 1 && bottom - top > 1 ? { el, left, right, top, bottom } : null
    }
    const boxes = [...document.querySelectorAll(LABELS)]
      .filter(seen)
      .flatMap((el) => wordsOf(el) ?? [])
    const name = (el: Element) => `"${el.textContent!.trim().slice(0, 40)}"`
    const over = boxes.flatMap((a, i) =>
      boxes.slice(i + 1).flatMap((b) => {
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left)
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
        if (x <= 2 || y <= 4) return []
        if (a.el.contains(b.el) || b.el.contains(a.el) || layerOf(a.el) !== layerOf(b.el)) return []
        return [`${name(a.el)} lies over ${name(b.el)}`]
      }),
    )
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize)
    const short = [...document.querySelectorAll<HTMLElement>('.ellipsis')]
      .filter(
        (el) =>
          seen(el) &&
          el.querySelector('.katex') === null &&
          el.scrollWidth > el.clientWidth &&
          el.clientWidth < 4 * size,
      )
      .map((el) => `${name(el)} is cut to ${el.clientWidth} px`)
    const pen = document.createElement('canvas').getContext('2d')!
    const fields = [...document.querySelectorAll<HTMLInputElement>('input[type=number]')]
      .filter((el) => {
        if (!seen(el)) return false
        const { fontSize, fontFamily, paddingLeft, paddingRight } = getComputedStyle(el)
        pen.font = `${fontSize} ${fontFamily}`
        const room = el.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)
        return pen.measureText(el.placeholder).width > room
      })
      .map((el) => `the placeholder "${el.placeholder}" is cut`)
    const choices = [...document.querySelectorAll<HTMLElement>('.segmented')]
      .filter((el) => {
        const { overflowX } = getComputedStyle(el)
        return seen(el) && overflowX === 'hidden' && el.scrollWidth > el.clientWidth + 1
      })
      .map((el) => `the choice ${name(el)} is cut`)
    return [...over, ...short, ...fields, ...choices]
  })
