import { type EngineError, system } from '../../base/errors.ts'

/**
 * What an OCI runtime refuses when a container is started, as Docker passes it on: create took it,
 * start answers 500.
 */
export function runtimeRefusal(reason: string): EngineError {
  return system(
    `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ${reason}`,
  )
}
