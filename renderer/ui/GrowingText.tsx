import { useLayoutEffect, useRef } from 'react'

/**
 * Plain text that grows at its end. New text is appended to the same text node, so the browser keeps the layout before
 * it.
 */
export function GrowingText({
  text,
  className,
  dir = 'auto',
}: {
  text: string
  className: string
  dir?: 'auto' | 'ltr'
}) {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const node = box.current!.firstChild as Text | null
    if (node === null) box.current!.append(text)
    else if (!text.startsWith(node.data)) node.data = text
    else if (text.length > node.length) node.appendData(text.slice(node.length))
  })
  return <div ref={box} className={className} dir={dir} />
}
