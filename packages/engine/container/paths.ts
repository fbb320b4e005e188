import { join } from 'node:path'

/** Where the things of one container lie. */
export interface ContainerDirs {
  /** On the data root: upper and work directory, log. */
  home: string
  diff: string
  work: string
  /** Of json-file. */
  log: string
  /** Of all other drivers: segments, whose names begin so. */
  segments: string
  /** On tmpfs: shim socket, exit record, files bound over /etc. */
  run: string
  socket: string
  exit: string
  hosts: string
  hostname: string
  resolvConf: string
}

/** 24 hex digits are 96 bits: unique, and short enough for a socket path of 107 bytes. */
const RUN_NAME_LENGTH = 24

export function containerDirs(dataRoot: string, execRoot: string, id: string): ContainerDirs {
  const home = join(containersDir(dataRoot), id)
  const run = join(runDir(execRoot), id.slice(0, RUN_NAME_LENGTH))
  return {
    home,
    diff: `${home}/diff`,
    work: `${home}/work`,
    log: `${home}/${id}-json.log`,
    segments: `${home}/local-logs/container.log`,
    run,
    socket: `${run}/s`,
    exit: `${run}/exit`,
    hosts: `${run}/hosts`,
    hostname: `${run}/hostname`,
    resolvConf: `${run}/resolv.conf`,
  }
}

export function containersDir(dataRoot: string): string {
  return join(dataRoot, 'containers')
}

export function runDir(execRoot: string): string {
  return join(execRoot, 'c')
}

export function execRunDir(execRoot: string): string {
  return join(execRoot, 'e')
}

export function execPaths(
  execRoot: string,
  id: string,
): { run: string; socket: string; exit: string } {
  const run = join(execRunDir(execRoot), id.slice(0, RUN_NAME_LENGTH))
  return { run, socket: `${run}/s`, exit: `${run}/exit` }
}
