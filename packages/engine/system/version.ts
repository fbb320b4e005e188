/** What the engine calls itself. `ServerVersion` is what tools compare with Docker's. */
export const ENGINE_VERSION = '0.1.0'
/** The Docker release whose API (1.56) and behaviour the engine answers with. */
export const COMPATIBLE_VERSION = '29.7.2'
export const API_VERSION = '1.56'
export const MIN_API_VERSION = '1.24'
