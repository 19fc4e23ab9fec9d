/** Characters that reorder or hide text: bidi controls, zero-width characters and other controls. */
const HIDDEN =
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/g

/** Returns a name, title or address with characters that could disguise it written out. */
export const visible = (text: string): string =>
  text.replace(
    HIDDEN,
    (char) => `⟨${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
  )

/** Returns the text of a token with visible whitespace. */
export const showSpace = (text: string): string =>
  visible(text.replace(/\n/g, '⏎').replace(/\t/g, '⇥').replace(/\r/g, '␍')).replace(/ /g, '␣')

/** Returns the file name of a path, with either kind of separator. */
export const baseName = (file: string): string => file.split(/[\\/]/).pop() ?? file
