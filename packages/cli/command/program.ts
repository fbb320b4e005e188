/** The program's name, in help pages and errors. */
export const programName = 'tdocker'

export const clientVersion = '0.1.0'

/** Newest API version this client speaks; it goes down to the daemon's. */
export const maxApiVersion = '1.56'
