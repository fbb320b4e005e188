/** A statement that stands alone in its request: it is run outside of any transaction. */
export const COMPACT = 'VACUUM'
