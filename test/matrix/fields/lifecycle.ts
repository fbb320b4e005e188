/** Names, labels, and how a container ends. */
import { existsSync } from 'node:fs'
import { until } from '../../lib/test-daemon.ts'
import { config, type Field, host, refused } from '../field.ts'
import { Seen } from '../seen.ts'

const again = (x: Seen): Promise<Seen> => Seen.of(x.daemon, x.inspect.Id)

/** Stops a container that says when it is ready, and answers how it ended. */
async function stopped(x: Seen): Promise<number> {
  await until('the trap', async () => (await x.daemon.logs(x.inspect.Id)).includes('ready'))
  await x.daemon.api.post(`/containers/${x.inspect.Id}/stop`)
  return x.daemon.wait(x.inspect.Id)
}

const trapping = (trap: string): object => ({
  Cmd: ['sh', '-c', `trap ${trap}; echo ready; while :; do sleep 0.1; done`],
})

const policies = "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"

export const lifecycleFields: readonly Field[] = [
  config(
    'Image',
    [{ set: 'busybox:latest', see: (x) => x.inspect.Image, expect: /^sha256:[0-9a-f]{64}$/ }],
    [
      { set: 'nope', status: 404, says: 'No such image: nope:latest' },
      refused('UP', 'invalid reference format: repository name (library/UP) must be lowercase'),
      refused('a@sha256:12', 'invalid reference format'),
      refused('', 'no command specified', { config: { Cmd: [] } }),
    ],
  ),
  config('Labels', [
    { set: { a: 'b', '': 'x', 'a.b/c': '' } },
    { what: 'none', set: null, shown: {} },
  ]),
  host(
    'Annotations',
    [{ set: { 'org.example.a': 'b' } }, { what: 'none', set: null, shown: undefined }],
    [
      refused(
        { '': 'x' },
        'invalid Annotations: the empty string is not permitted as an annotation key',
      ),
    ],
  ),
  host('ContainerIDFile', [
    {
      what: 'kept; the file is the client’s to write',
      set: '/tmp/matrix-cid',
      see: () => existsSync('/tmp/matrix-cid'),
      expect: false,
    },
  ]),
  config(
    'Healthcheck',
    [
      {
        set: { Test: ['CMD', 'true'], Interval: 100_000_000, Timeout: 5_000_000_000, Retries: 2 },
        see: async (x) => {
          await until(
            'the first result',
            async () => (await again(x)).inspect.State.Health?.Status === 'healthy',
          )
          return (await again(x)).inspect.State.Health?.Log[0]?.ExitCode
        },
        expect: 0,
      },
      {
        what: 'NONE',
        set: { Test: ['NONE'] },
        see: (x) => x.inspect.State.Health?.Status,
        expect: undefined,
      },
    ],
    [
      refused({ Interval: 5 }, 'Interval in Healthcheck cannot be less than 1ms'),
      refused({ Timeout: 5 }, 'Timeout in Healthcheck cannot be less than 1ms'),
      refused({ Retries: -1, StartPeriod: 5 }, 'Retries in Healthcheck cannot be negative'),
      refused({ StartPeriod: 5 }, 'StartPeriod in Healthcheck cannot be less than 1ms'),
      refused({ StartInterval: 5 }, 'StartInterval in Healthcheck cannot be less than 1ms'),
    ],
  ),
  config(
    'StopSignal',
    [
      { set: 'SIGUSR1', config: trapping("'exit 5' USR1"), see: stopped, expect: 5 },
      { set: 'usr1', config: trapping("'exit 5' USR1"), see: stopped, expect: 5 },
      { set: '10', config: trapping("'exit 5' USR1"), see: stopped, expect: 5 },
      { set: 'RTMIN+3', unstarted: true },
    ],
    [refused('SIGFOO', 'invalid signal: SIGFOO'), refused('0', 'invalid signal: 0')],
  ),
  config('StopTimeout', [
    {
      what: 'seconds until SIGKILL',
      set: 1,
      config: { ...trapping("'' TERM"), StopSignal: 'TERM' },
      see: async (x) => {
        const begin = Date.now()
        const code = await stopped(x)
        return [code, Date.now() - begin < 9000]
      },
      expect: [137, true],
    },
  ]),
  host(
    'AutoRemove',
    [
      {
        what: 'gone with its process',
        set: true,
        config: { Cmd: ['true'] },
        unstarted: true,
        see: async (x) => {
          const at = `/containers/${x.inspect.Id}`
          const gone = x.daemon.api.post(`${at}/wait?condition=removed`)
          await x.daemon.api.post(`${at}/start`)
          await gone
          return (await x.daemon.api.get(`${at}/json`)).status
        },
        expect: 404,
      },
    ],
    [
      refused(true, "can't create 'AutoRemove' container with restart policy", {
        host: { RestartPolicy: { Name: 'always' } },
      }),
    ],
  ),
  host(
    'RestartPolicy',
    [
      {
        set: { Name: 'on-failure', MaximumRetryCount: 2 },
        config: { Cmd: ['false'] },
        see: async (x) => {
          await until('the last try', async () => {
            const { State, RestartCount } = (await again(x)).inspect
            return RestartCount === 2 && State.Status === 'exited'
          })
          return (await again(x)).inspect.RestartCount
        },
        expect: 2,
      },
      { set: { Name: 'always', MaximumRetryCount: 0 } },
      { set: { Name: 'unless-stopped', MaximumRetryCount: 0 } },
      { set: { Name: '' }, shown: { Name: 'no', MaximumRetryCount: 0 } },
    ],
    [
      refused(
        { Name: 'sometimes' },
        `invalid restart policy: unknown policy 'sometimes'; ${policies}`,
      ),
      refused(
        { Name: 'always', MaximumRetryCount: 3 },
        "invalid restart policy: maximum retry count can only be used with 'on-failure'",
      ),
      refused(
        { Name: 'no', MaximumRetryCount: -1 },
        "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
      ),
      refused(
        { Name: 'on-failure', MaximumRetryCount: -1 },
        'invalid restart policy: maximum retry count cannot be negative',
      ),
    ],
  ),
  host(
    'LogConfig',
    [
      {
        set: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
        config: { Cmd: ['sh', '-c', 'echo hello; sleep 1000'] },
        see: async (x) => {
          await until('the line', async () => (await x.daemon.logs(x.inspect.Id)) !== '')
          return [await x.daemon.logs(x.inspect.Id), existsSync(x.inspect.LogPath)]
        },
        expect: ['hello\n', true],
      },
      {
        set: { Type: 'none', Config: {} },
        see: async (x) =>
          (await x.daemon.api.get(`/containers/${x.inspect.Id}/logs?stdout=1`)).status,
        expect: 501,
      },
      {
        what: 'not said: the daemon’s',
        set: null,
        shown: { Type: 'json-file', Config: {} },
      },
    ],
    [
      refused({ Type: 'no' }, 'error looking up logging plugin no: plugin "no" not found'),
      refused({ Config: { colour: 'x' } }, "unknown log opt 'colour' for json-file log driver"),
    ],
  ),
]
