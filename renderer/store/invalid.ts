/**
 * The ids of number fields whose text is out of range. Such a number is neither used nor replaced: its
 * field says what it takes, and nothing starts until it is mended.
 */
export const invalidFields = new Set<string>()
