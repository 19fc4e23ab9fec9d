/** Code blocks of a text. */

export interface Block {
  /** The fence's first word, in lower case; empty if it has none. */
  tag: string
  /** Without the fences, and without the indentation that all lines share. */
  code: string
  /** Whether the fence was closed. */
  closed: boolean
}

const FENCE = /^[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)$/

/** Returns the fenced blocks of a text, in order. The last one may be cut off. */
export function blocksIn(text: string): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; tag: string; lines: string[] } | null = null
  for (const line of text.split('\n')) {
    const [, fence, info = ''] = FENCE.exec(line.replace(/\r$/, '')) ?? []
    if (open === null) {
      if (fence !== undefined) open = { fence, tag: tagOf(info), lines: [] }
    } else if (fence?.startsWith(open.fence) === true && info.trim() === '') {
      blocks.push(block(open, true))
      open = null
    } else open.lines.push(line)
  }
  if (open !== null) blocks.push(block(open, false))
  return blocks
}

const block = ({ tag, lines }: { tag: string; lines: string[] }, closed: boolean): Block => ({
  tag,
  code: dedent(lines.join('\n')),
  closed,
})

const tagOf = (info: string): string =>
  /^\{?\.?([\w+#-]*)/.exec(info.trim())?.[1]?.toLowerCase() ?? ''

/** Removes the white space that all lines of a text begin with. */
function dedent(text: string): string {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^[ \t]*/.exec(line)![0])
  let shared = indents[0] ?? ''
  for (const indent of indents)
    while (!indent.startsWith(shared)) shared = shared.slice(0, shared.length - 1)
  return shared === ''
    ? lines.join('\n')
    : lines.map((line) => (line.startsWith(shared) ? line.slice(shared.length) : '')).join('\n')
}
