import { errnoText } from '../../base/errno.ts'
import { EngineError, invalidParameter, system } from '../../base/errors.ts'
import { RefusedLimit } from '@tdocker/kernel/cgroup/fs.ts'
import { LaunchError } from '@tdocker/kernel/shim/shim.ts'

/** Exit codes that a failed start leaves behind, as Docker and its CLI use them. */
export const EXIT_CANNOT_INVOKE = 126
export const EXIT_NOT_FOUND = 127
export const EXIT_UNKNOWN = 128

export interface StartFailure {
  exitCode: number
  error: EngineError
}

const CREATE_PREFIX =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: '
const EXEC_PREFIX = 'OCI runtime exec failed: exec failed: unable to start container process: '

export interface LaunchContext {
  verb: 'create' | 'exec'
  command: string
  cwd: string
  /** Sources of binds by their destination. */
  sources?: ReadonlyMap<string, string>
}

/**
 * The sentence and exit code of a process that could not be started. The stage of a `LaunchError`
 * names the step of the plan: `exec`, `cwd`, `mount /data`…
 */
export function startFailure(error: unknown, o: LaunchContext): StartFailure {
  if (!(error instanceof LaunchError)) return otherFailure(error)
  const prefix = o.verb === 'create' ? CREATE_PREFIX : EXEC_PREFIX
  const text = `${prefix}${launchReason(error, o)}`
  return withExitCode(text, isMismatch(error) ? ENOTDIR : error.errno)
}

/** The kernel says EINVAL of a file and a directory mounted over each other, where runc checks before. */
function isMismatch(error: LaunchError): boolean {
  return error.errno === EINVAL && error.stage.startsWith('mount ')
}

function otherFailure(error: unknown): StartFailure {
  if (error instanceof RefusedLimit) {
    const realtime = error.path?.includes('cpu.rt_') ?? false
    const step = realtime
      ? 'unable to apply cgroup configuration'
      : 'error during container init: error setting cgroup config for procHooks process'
    const text = `${CREATE_PREFIX}${step}: ${error.message}`
    return { exitCode: EXIT_UNKNOWN, error: system(text, error) }
  }
  const known =
    error instanceof EngineError
      ? error
      : system(error instanceof Error ? error.message : String(error), error)
  return { exitCode: EXIT_UNKNOWN, error: known }
}

function launchReason(error: LaunchError, o: LaunchContext): string {
  const reason = errnoText(error.errno)
  const [step = '', ...rest] = error.stage.split(' ')
  const subject = rest.join(' ')
  switch (step) {
    case 'exec':
      return `${inInit(o)}exec: ${JSON.stringify(o.command)}: ${execReason(error.errno, o.command)}`
    case 'cwd':
      return `${inInit(o)}chdir to cwd (${JSON.stringify(o.cwd)}) set in config.json failed: ${reason}`
    case 'mount':
      return `${inInit(o)}${mountReason(error, subject, o.sources?.get(subject))}`
    case 'idmap': {
      const source = o.sources?.get(subject) ?? ''
      return `${inInit(o)}error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(subject)}: failed to set MOUNT_ATTR_IDMAP on ${source}: ${reason} (maybe the filesystem used doesn't support idmap mounts on this kernel?)`
    }
    case 'apparmor':
      return `${inInit(o)}unable to apply apparmor profile: apparmor failed to apply profile: write /proc/thread-self/attr/apparmor/exec: ${reason}`
    default:
      return `${inInit(o)}${error.stage}: ${reason}`
  }
}

function mountReason(error: LaunchError, target: string, source: string | undefined): string {
  const start = `error mounting ${JSON.stringify(source ?? target)} to rootfs at ${JSON.stringify(target)}: `
  if (source === undefined) return `${start}${errnoText(error.errno)}`
  const reason = errnoText(isMismatch(error) ? ENOTDIR : error.errno)
  return `${start}mount src=${source}, dst=${target}, flags=MS_BIND|MS_REC: ${reason}`
}

function inInit(o: LaunchContext): string {
  return o.verb === 'exec' ? '' : 'error during container init: '
}

const ENOENT = 2
const EACCES = 13
const ENOTDIR = 20
const EISDIR = 21
const EINVAL = 22

/** A bare name was looked up in PATH; a path was tried as it is. */
function execReason(errno: number, command: string): string {
  if (errno === ENOENT && !command.includes('/')) return 'executable file not found in $PATH'
  if (errno === ENOENT) return `stat ${command}: no such file or directory`
  return errnoText(errno)
}

function withExitCode(text: string, errno: number): StartFailure {
  switch (errno) {
    case EACCES:
      return { exitCode: EXIT_CANNOT_INVOKE, error: invalidParameter(text) }
    case EISDIR:
      // The CLI looks for "permission denied" to exit with 126.
      return {
        exitCode: EXIT_CANNOT_INVOKE,
        error: invalidParameter(`${text}: permission denied`),
      }
    case ENOTDIR:
      return {
        exitCode: EXIT_NOT_FOUND,
        error: invalidParameter(
          `${text}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
        ),
      }
    case ENOENT:
      return { exitCode: EXIT_NOT_FOUND, error: invalidParameter(text) }
    default:
      return { exitCode: EXIT_UNKNOWN, error: system(text) }
  }
}
