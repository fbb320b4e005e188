import type { LaunchPlan } from '@tdocker/kernel/shim/plan.ts'
import { invalidParameter } from '../../base/errors.ts'
import { planCapabilities } from './capability-set.ts'
import { confinement } from './create-plan.ts'
import { planEnvironment } from './environment.ts'
import { type BuiltPlan, type ExecPlanInput, FdTable } from './plan-input.ts'

/**
 * What the shim is to do for an exec. It is confined as its container is; `privileged` widens the
 * capabilities only, as Docker has it.
 */
export function buildExecPlan(input: ExecPlanInput): BuiltPlan {
  const { exec, config, user } = input
  if (exec.cmd.length === 0) throw invalidParameter('No exec command specified')
  const fds = new FdTable()
  const hostConfig = exec.privileged ? { ...input.hostConfig, Privileged: true } : input.hostConfig
  const plan: LaunchPlan = {
    name: input.id,
    shim: {
      socket: input.paths.socket,
      exitFile: input.paths.exitFile,
      cgroupProcs: input.cgroup.shimProcsFiles,
    },
    stdio: {
      tty: exec.tty,
      stdin: exec.openStdin ? 'open' : 'null',
      stdinOnce: true,
      ...(input.consoleSize ? { consoleSize: input.consoleSize } : {}),
    },
    log: { driver: 'none' },
    clients: input.clients.map((client) => ({ ...client, fd: fds.add(client.fd) })),
    hold: [],
    target: {
      kind: 'enter',
      pidfd: fds.add(input.pidfd),
      cgroupProcs: input.cgroup.procsFiles,
    },
    process: {
      argv: exec.cmd,
      env: planEnvironment({ config, tty: exec.tty, home: user.home, exec: exec.env }),
      cwd: exec.workingDir || config.WorkingDir || '/',
      uid: user.uid,
      gid: user.gid,
      groups: user.groups,
      ...confinement(input, planCapabilities(hostConfig, input.host)),
      oomScoreAdj: input.hostConfig.OomScoreAdj ?? 0,
    },
  }
  return { plan, fds: fds.fds }
}
