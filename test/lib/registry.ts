/** Registries for tests: Debian's docker-registry as a process, one of our own that misbehaves, token servers. */
export * from './registry/demand-token.ts'
export * from './registry/docker-registry.ts'
export * from './registry/faults.ts'
export * from './registry/fragile-uploads.ts'
export * from './registry/forward.ts'
export * from './registry/own-registry.ts'
export * from './registry/token-server.ts'
export * from './registry/wire.ts'
