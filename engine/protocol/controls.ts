/**
 * Control characters that act on a terminal or reorder what a reader sees: C0 except tab and line
 * feed, DEL, C1, and the marks, embeddings, overrides and isolates of the bidirectional algorithm.
 */
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/**
 * Returns text in which control characters stand as JavaScript and JSON write them, such as
 * `\u202e`. JSON stays the same value, since such characters stand only in its strings.
 */
export const escapeControls = (text: string): string =>
  text.replace(CONTROLS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

/**
 * Returns the text of a model or a file for a place where only width counts: each control character
 * is replaced by U+FFFD, and lines end with a line feed.
 */
export const printable = (text: string): string =>
  text.replace(/\r\n?/g, '\n').replace(CONTROLS, '\ufffd')
