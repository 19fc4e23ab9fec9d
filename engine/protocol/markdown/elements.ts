import type { Element, ElementContent, Root } from 'hast'

/** Visits every element below `node`; what `visit` returns replaces the visited one and is not visited. */
export function visitElements(
  node: Root | Element,
  visit: (element: Element, parent: Root | Element) => ElementContent[] | undefined,
): void {
  const children = node.children as ElementContent[]
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!
    if (child.type !== 'element') continue
    const replaced = visit(child, node)
    if (replaced === undefined) visitElements(child, visit)
    else {
      children.splice(i, 1, ...replaced)
      i += replaced.length - 1
    }
  }
}

/** Returns the `code` element in a `pre` of a tree, and the info string that it was written with. */
export function codeIn(pre: Element): { code: Element; info: string } | null {
  const [code] = pre.children
  if (pre.tagName !== 'pre' || code?.type !== 'element') return null
  const [name = ''] = (code.properties.className as string[] | undefined) ?? []
  return { code, info: name.replace(/^language-/, '') }
}

/** Returns the code in a `code` element of a tree. */
export const sourceIn = (code: Element): string => textIn(code).replace(/\n$/, '')

/** Returns the text in elements. */
export const textIn = (node: Root | Element): string =>
  (node.children as ElementContent[])
    .map((child) =>
      child.type === 'text' ? child.value : child.type === 'element' ? textIn(child) : '',
    )
    .join('')
