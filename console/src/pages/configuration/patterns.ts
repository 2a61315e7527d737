/** Patterns of names, as they are written into one field. */
export const patternsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)
