/** Sentences that clients read and match on; the wording is the Docker API's. */
import {
  conflict,
  type EngineError,
  invalidParameter,
  notFound,
  notModified,
  system,
} from '../base/errors.ts'

/** Go's %q for the names that occur here. */
export function quote(text: string): string {
  return JSON.stringify(text)
}

export const noSuchContainer = (id: string): EngineError => notFound(`No such container: ${id}`)
export const ambiguousPrefix = (prefix: string): EngineError =>
  invalidParameter(`multiple IDs found with provided prefix: ${prefix}`)
export const invalidIdentifier = (id: string): EngineError =>
  invalidParameter(`invalid name or ID supplied: ${quote(id)}`)
export const nameTaken = (name: string, id: string): EngineError =>
  conflict(
    `Conflict. The container name ${quote(`/${name}`)} is already in use by container ${quote(id)}. ` +
      'You have to remove (or rename) that container to be able to reuse that name.',
  )
export const invalidName = (name: string): EngineError =>
  invalidParameter(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
export const notRunning = (id: string): EngineError => conflict(`container ${id} is not running`)
export const isRestarting = (id: string): EngineError =>
  conflict(`Container ${id} is restarting, wait until the container is running`)
export const execPaused = (id: string): EngineError =>
  conflict(`Container ${id} is paused, unpause the container before exec`)
export const alreadyPaused = (id: string): EngineError =>
  conflict(`container ${id} is already paused`)
/** Without a kind of its own in Docker: 500. */
export const notPaused = (id: string): EngineError => system(`Container ${id} is not paused`)
export const noSuchExec = (id: string): EngineError => notFound(`No such exec instance: ${id}`)
export const alreadyRunning = (): EngineError => notModified('container is already running')
export const alreadyStopped = (): EngineError => notModified('container is already stopped')
export const startPaused = (): EngineError =>
  conflict('cannot start a paused container, try unpause instead')
export const startRemoved = (): EngineError =>
  conflict('container is marked for removal and cannot be started')
export const removalInProgress = (name: string): EngineError =>
  conflict(`removal of container ${name} is already in progress`)
export const duplicateMountPoint = (path: string): EngineError =>
  invalidParameter(`Duplicate mount point: ${path}`)
