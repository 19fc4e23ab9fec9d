/** Code blocks of a text. */

export interface Block {
  /** The fence's first word, in lower case; empty if it has none. */
  tag: string
  /** Without the fences, and without the indentation that all lines share. */
  code: string
  /** Whether the block was closed. */
  closed: boolean
}

/** A fence on a line of its own or in a list item, and one behind what announces the code. */
const FENCE = /^[ \t]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?(`{3,}|~{3,})[ \t]*([^`]*)$/
const ANNOUNCED = /^[^`~]*[:：][ \t]*(`{3,}|~{3,})[ \t]*([^`]*)$/
/** A fence that closes a block: alone, or at the end of the code's last line. */
const CLOSES = /^[ \t]*(`{3,}|~{3,})[ \t]*$|[^`~](`{3,}|~{3,})[ \t]*$/
/** A block of these is a text with blocks of its own. */
const TEXTS = /^(?:markdown|md)$/
/** Blocks within blocks that are looked at. */
const MAX_DEPTH = 3

/** Returns the fenced blocks of a text, in order, else those of HTML. The last one may be cut off. */
export function blocksIn(text: string, depth = 0): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; tag: string; lines: string[] } | null = null
  const end = ({ tag, lines }: NonNullable<typeof open>, closed: boolean) => {
    const code = dedent(lines.join('\n'))
    const inner = TEXTS.test(tag) && depth < MAX_DEPTH ? blocksIn(code, depth + 1) : []
    if (inner.length === 0) blocks.push({ tag, code, closed })
    for (const one of inner) blocks.push({ ...one, closed: one.closed || closed })
  }
  for (const line of text.split('\n').map((line) => line.replace(/\r$/, ''))) {
    if (open === null) {
      const [, fence, info = ''] = FENCE.exec(line) ?? ANNOUNCED.exec(line) ?? []
      if (fence !== undefined) open = { fence, tag: tagOf(info), lines: [] }
      continue
    }
    const [, alone, behind] = CLOSES.exec(line) ?? []
    if ((alone ?? behind)?.startsWith(open.fence) !== true) {
      open.lines.push(line)
      continue
    }
    if (behind !== undefined) open.lines.push(line.slice(0, line.lastIndexOf(behind)))
    end(open, true)
    open = null
  }
  if (open !== null) end(open, false)
  return blocks.length > 0 || depth > 0 ? blocks : htmlBlocks(text)
}

const tagOf = (info: string): string =>
  /^\{?\.?([\w+#-]*)/.exec(info.trim())?.[1]?.toLowerCase() ?? ''

const HTML = /<pre\b[^>]{0,200}>\s*(?:<code\b([^>]{0,200})>)?([^]*?)(<\/(?:code|pre)>|$)/gi
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ...Object.entries({ lt: '<', gt: '>', amp: '&', quot: '"', apos: "'", nbsp: ' ' }),
  ...Object.entries({ '#39': "'", '#x27': "'", '#34': '"' }),
])

function htmlBlocks(text: string): Block[] {
  if (!/<pre\b/i.test(text)) return []
  return [...text.matchAll(HTML)].map(([, attributes = '', code = '', end]) => ({
    tag: /\blang(?:uage)?-([\w+#-]+)/.exec(attributes)?.[1]?.toLowerCase() ?? '',
    code: dedent(
      code
        .replace(/^\n/, '')
        .replace(/&(#?\w{1,6});/g, (whole, name: string) => ENTITIES.get(name) ?? whole),
    ),
    closed: end !== '',
  }))
}

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
