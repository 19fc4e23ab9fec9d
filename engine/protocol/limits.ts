/**
 * Limits of a run. A transcript may come from anyone, and a few bytes of it may ask for much memory
 * or time; beyond these limits it is damaged. What Braid writes stays below them: the commands of a
 * run refuse what would exceed them (strategies/commands.ts), and notices are left out
 * (`MAX_OWN_NOTICES`). `RunSize` (run-size.ts) counts.
 */

/**
 * Segments of one role. Their numbers are dense, so this is also the highest number in an address.
 * A context holds 256 sequences; the others are for paths that were dropped and for summaries that
 * were asked for again.
 */
export const MAX_SEGMENTS = 1024

/**
 * Notices. A re-read summary may have one per path that was cut, and a run's other notices are few.
 */
export const MAX_NOTICES = 4096
/**
 * Notices that a run writes; it leaves out later ones. As many again are for those of its recorder
 * (record.ts), which may come with every event.
 */
export const MAX_OWN_NOTICES = MAX_NOTICES / 2

/**
 * Answers that paths gave on the way; a run asks for no more (strategies/probing.ts). Enough to ask 64
 * paths of 131,072 tokens every 128 tokens.
 */
export const MAX_PROBES = 1 << 16

/**
 * Tokens that all branches together keep from their parents. They take memory but no bytes of the
 * transcript. Enough for 64 branches at the end of a path of 131,072 tokens.
 */
export const MAX_KEPT = 1 << 23

/**
 * UTF-16 units of a segment's text: half of what a string can hold in V8, and 256 for each token of
 * the largest budget, which is more than tokens have.
 */
export const MAX_TEXT = 1 << 28

/**
 * Parts of a source: the prompt, and per segment its thought, its answer and the words around them.
 */
export const MAX_PARTS = 8 * MAX_SEGMENTS

/**
 * Bytes per line of a transcript. The longest lines hold a million characters of problem and of
 * instructions, at up to 6 bytes each, or the ids of a prompt of two million tokens.
 */
export const MAX_LINE = 32 << 20

/**
 * Bytes of a transcript that is read as a whole, to show, continue or export it: its events take
 * about twice as much memory, of the 4 GB that a process has. Longer ones are listed and searched.
 */
export const MAX_WHOLE = 1 << 30

/**
 * UTF-16 units of the texts in one export, those that branches keep included: escaped, they still
 * fit into one string.
 */
export const MAX_EXPORT = 1 << 26
