export * from './native.ts'
export * from './shim/plan.ts'
export * from './shim/shim.ts'
export * from './cgroup/driver.ts'
