import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RefusedLimit } from '@tdocker/kernel/cgroup/fs.ts'
import { LaunchError } from '@tdocker/kernel/shim/shim.ts'
import { conflict } from '../../base/errors.ts'
import { startFailure } from './launch-error.ts'

const RUN =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: '

for (const [stage, errno, command, exitCode, text] of [
  ['exec', 2, 'nosuch', 127, 'exec: "nosuch": executable file not found in $PATH'],
  ['exec', 2, '/no', 127, 'exec: "/no": stat /no: no such file or directory'],
  ['exec', 13, '/etc/passwd', 126, 'exec: "/etc/passwd": permission denied'],
  ['exec', 21, '/etc', 126, 'exec: "/etc": is a directory: permission denied'],
  ['exec', 8, '/x', 128, 'exec: "/x": exec format error'],
  [
    'cwd',
    20,
    'sh',
    127,
    'chdir to cwd ("/srv") set in config.json failed: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type',
  ],
  ['mount /a', 12, 'sh', 128, 'error mounting "/a" to rootfs at "/a": cannot allocate memory'],
] as const)
  test(`${stage} fails with ${errno}`, () => {
    const failure = startFailure(new LaunchError(stage, errno), {
      verb: 'create',
      command,
      cwd: '/srv',
    })
    assert.equal(failure.exitCode, exitCode)
    assert.equal(failure.error.message, RUN + text)
    assert.equal(failure.error.kind, exitCode === 128 ? 'system' : 'invalidParameter')
  })

test('a file bound over a directory', () => {
  const { exitCode, error } = startFailure(new LaunchError('mount /etc', 22), {
    verb: 'create',
    command: 'sh',
    cwd: '/',
    sources: new Map([['/etc', '/host/file']]),
  })
  assert.deepEqual([exitCode, error.kind], [127, 'invalidParameter'])
  assert.equal(
    error.message,
    `${RUN}error mounting "/host/file" to rootfs at "/etc": mount src=/host/file, dst=/etc, flags=MS_BIND|MS_REC: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
  )
})

test('an exec says so', () => {
  const { error } = startFailure(new LaunchError('exec', 2), {
    verb: 'exec',
    command: 'x',
    cwd: '',
  })
  assert.equal(
    error.message,
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "x": executable file not found in $PATH',
  )
})

test('other errors keep their kind', () => {
  const given = conflict('busy')
  const failure = startFailure(given, { verb: 'create', command: 'x', cwd: '' })
  assert.deepEqual([failure.exitCode, failure.error], [128, given])
})

test('a limit that the kernel refuses reads as it does from runc', () => {
  const refused = (path: string, message: string): string => {
    const limit = new RefusedLimit({ code: 'EINVAL', errno: 22, path, message })
    const failure = startFailure(limit, { verb: 'create', command: 'sh', cwd: '/' })
    assert.deepEqual([failure.exitCode, failure.error.kind], [128, 'system'])
    return failure.error.message
  }
  assert.match(
    refused('/sys/fs/cgroup/cpu/x/cpu.rt_runtime_us', 'no'),
    /^failed to create task .* unable to start container process: unable to apply cgroup configuration: no$/,
  )
  assert.match(
    refused('/sys/fs/cgroup/cpu/x/cpu.shares', 'the minimum allowed cpu-shares is 2'),
    / error during container init: error setting cgroup config for procHooks process: the minimum allowed cpu-shares is 2$/,
  )
})
