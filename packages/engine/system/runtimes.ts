/** What `--runtime` may name: our own runtime, and the names under which clients know Docker's. */
export const DEFAULT_RUNTIME = 'tdocker'
export const RUNTIMES: readonly string[] = [DEFAULT_RUNTIME, 'runc', 'io.containerd.runc.v2']
