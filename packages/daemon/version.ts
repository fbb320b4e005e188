export { COMPATIBLE_VERSION, ENGINE_VERSION } from '@tdocker/engine/system/version.ts'

/** The commit it was built from, where the build says so. */
export const commit: string = process.env['TDOCKER_COMMIT'] || 'source'
