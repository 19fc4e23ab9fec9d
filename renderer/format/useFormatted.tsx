import type { Root } from 'hast'
import { toJsxRuntime, type Components } from 'hast-util-to-jsx-runtime'
import { useEffect, useMemo, useState, type ReactElement } from 'react'
import { Fragment, jsx, jsxs } from 'react/jsx-runtime'
import type { Range } from '../../engine/protocol/markdown/blocks.ts'
import { codeIn, sourceIn } from '../../engine/protocol/markdown/elements.ts'
import { inTurn } from '../store/turns.ts'
import { CodeBlock } from '../ui/CodeBlock.tsx'
import { ExternalLink } from '../ui/ExternalLink.tsx'
import { format, formatted } from './formatter.ts'

const COMPONENTS: Partial<Components> = {
  a: ({ href, children }) => <ExternalLink href={href}>{children}</ExternalLink>,
  img: ({ alt, src }) => <ExternalLink href={src}>[{alt ?? ''}]</ExternalLink>,
  pre: ({ node, children }) => {
    const found = node === undefined ? null : codeIn(node)
    if (found === null) return <pre>{children}</pre>
    return (
      <CodeBlock info={found.info} code={() => sourceIn(found.code)}>
        {children}
      </CodeBlock>
    )
  },
}

/** Returns a tree as React elements. */
export const elementOf = (tree: Root, components = COMPONENTS): ReactElement =>
  toJsxRuntime(tree, {
    Fragment,
    jsx,
    jsxs,
    components,
    ignoreInvalidStyle: true,
    passKeys: true,
    passNode: true,
  })

/**
 * Returns `text` formatted, or null while it is plain. Draws in turn with the panes; an old mark stays until the new
 * one is drawn. `marks`, `info` and `formula` are as in FormatRequest; `marks` must stay the same array.
 */
export function useFormatted(
  text: string,
  mark: Range | null,
  {
    wanted = true,
    marks,
    info,
    formula,
  }: { wanted?: boolean; marks?: readonly Range[]; info?: string; formula?: boolean } = {},
): ReactElement | null {
  const [drawn, setDrawn] = useState<{ text: string; tree: Root }>()
  const known = wanted ? formatted({ text, mark, marks, info, formula }) : null
  const missing = known === undefined
  const [from, to] = mark ?? [-1, -1]
  useEffect(() => {
    if (!missing) return
    const request = { text, mark: from < 0 ? null : ([from, to] as const), marks, info, formula }
    let takeBack = format(request, (tree) => {
      if (tree !== null) takeBack = inTurn(() => setDrawn({ text, tree }))
    })
    return () => takeBack()
  }, [text, from, to, marks, info, formula, missing])
  const tree = known ?? (wanted && drawn?.text === text ? drawn.tree : null)
  return useMemo(() => (tree === null ? null : elementOf(tree)), [tree])
}
