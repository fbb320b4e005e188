/**
 * A virtual machine with Debian's kernel: cgroup v2 with all controllers, and what the machine's own
 * kernel may lack (ipvlan, sctp, AppArmor). It sees this machine's files, writes to a tmpfs over
 * them, and is emulated: ten to twenty times slower, so it proves behaviour, never speed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const vm = join(root, '.runtime/vm')

/** Of modules without types: what takes half a second here, and minutes there. */
const cache = join(vm, 'compile-cache')

/** How many times slower than its host the machine is at worst. */
const slowness = 20

export interface JobResult {
  /** Exit code of the script; undefined when the machine ended without it. */
  status: number | undefined
  output: string
  /** What kernel and init printed. */
  console: string
}

/**
 * Boots, runs `script` by sh as root from the project's directory, powers off. `timeoutSeconds`
 * counts from the boot.
 */
export async function runInMachine(o: {
  script: string
  timeoutSeconds: number
  memoryMiB?: number
}): Promise<JobResult> {
  const built = spawnSync(join(root, 'scripts/build-machine'), { encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`no virtual machine: ${built.stderr}`)
  const job = mkdtempSync(join(tmpdir(), 'tdocker-vm-'))
  try {
    writeFileSync(join(job, 'modules'), realpathSync(join(vm, 'kernel/lib/modules')))
    writeFileSync(join(job, 'apparmor'), realpathSync(join(vm, 'apparmor')))
    mkdirSync(cache, { recursive: true })
    const settings = `TDOCKER_TEST_PATIENCE=${slowness} NODE_COMPILE_CACHE=/run/compile-cache`
    writeFileSync(join(job, 'run'), `cd '${root}'\nexport ${settings}\n${o.script}\n`)
    const console = await boot(job, o)
    return { status: statusOf(job), output: textOf(join(job, 'output')), console }
  } finally {
    rmSync(job, { recursive: true, force: true })
  }
}

async function boot(
  job: string,
  o: { timeoutSeconds: number; memoryMiB?: number },
): Promise<string> {
  const share = (tag: string, path: string, more: string): string[] => [
    '-fsdev',
    `local,id=${tag},path=${path},security_model=none,multidevs=remap${more}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ]
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-machine', 'q35'],
      ...['-m', String(o.memoryMiB ?? 3072), '-nodefaults', '-no-reboot', '-display', 'none'],
      ...['-serial', 'stdio', '-device', 'virtio-rng-pci'],
      // A disk that holds nothing, /dev/vda, for limits of input and output.
      ...[
        '-blockdev',
        'null-co,node-name=disk,size=67108864',
        '-device',
        'virtio-blk-pci,drive=disk',
      ],
      ...['-kernel', join(vm, 'vmlinuz'), '-initrd', join(vm, 'initrd')],
      ...['-append', 'console=ttyS0 quiet panic=-1 cgroup_no_v1=all'],
      ...share('host', '/', ',readonly=on'),
      ...share('job', job, ''),
      ...share('cache', cache, ''),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const printed: Buffer[] = []
  machine.stdout.on('data', (chunk: Buffer) => printed.push(chunk))
  machine.stderr.on('data', (chunk: Buffer) => printed.push(chunk))
  const limit = setTimeout(() => machine.kill('SIGKILL'), o.timeoutSeconds * 1000)
  await new Promise((resolve, reject) => machine.once('exit', resolve).once('error', reject))
  clearTimeout(limit)
  return Buffer.concat(printed).toString('utf8')
}

function statusOf(job: string): number | undefined {
  const text = textOf(join(job, 'status')).trim()
  return text === '' ? undefined : Number(text)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
