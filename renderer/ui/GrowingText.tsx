import { useLayoutEffect, useRef } from 'react'

/** Plain text that grows at its end. What is new is appended to its text node: the browser keeps the lines before it. */
export function GrowingText({ text, className }: { text: string; className: string }) {
  const box = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const node = box.current!.firstChild as Text | null
    if (node === null) box.current!.append(text)
    else if (!text.startsWith(node.data)) node.data = text
    else if (text.length > node.length) node.appendData(text.slice(node.length))
  })
  return <div ref={box} className={className} dir="auto" />
}
