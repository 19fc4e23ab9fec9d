/** Characters that reorder or hide text: bidi controls, zero-width, other controls. */
const HIDDEN =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/g

/** For names, titles and addresses: characters that could disguise them, written out. */
export const visible = (text: string): string =>
  text.replace(
    HIDDEN,
    (char) => `⟨${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  )

/** A token's text with its whitespace shown. */
export const showSpace = (text: string): string =>
  visible(text.replace(/\n/g, '⏎').replace(/\t/g, '⇥').replace(/\r/g, '␍')).replace(/ /g, '␣')

/** The file's own name, of a path of either system. */
export const baseName = (file: string): string => file.split(/[\\/]/).pop() ?? file
