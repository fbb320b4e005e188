/** The engine's own version, and the commit it was built from where the build says so. */
export const version = '0.1.0'
export const commit: string = process.env['TDOCKER_COMMIT'] || 'source'
