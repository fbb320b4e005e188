export * from './base/errors.ts'
export * from './backend-types.ts'
export type { EngineConfig } from './config.ts'
export { type Engine, openEngine } from './engine.ts'
