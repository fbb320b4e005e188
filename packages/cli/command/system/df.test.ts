import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeDaemon } from '../../testing/fake-daemon.ts'
import { runCli } from '../../testing/run-cli.ts'

const image = {
  Id: `sha256:${'b'.repeat(64)}`,
  RepoTags: ['busybox:1', 'busybox:latest'],
  RepoDigests: [],
  Created: 1,
  Size: 4_000_000,
  SharedSize: 1_000_000,
  Containers: 2,
}
const unused = {
  ...image,
  Id: `sha256:${'c'.repeat(64)}`,
  RepoTags: [],
  Containers: 0,
  SharedSize: 0,
}
const container = {
  Id: 'd'.repeat(64),
  Names: ['/web'],
  Image: 'busybox',
  ImageID: image.Id,
  Command: 'sh',
  Created: 1,
  State: 'running',
  Status: 'Up',
  SizeRw: 3000,
  Mounts: [],
  Ports: [],
}
const volume = { Name: 'data', Driver: 'local', UsageData: { Size: 500, RefCount: 0 } }
const used = { Name: 'logs', Driver: 'local', UsageData: { Size: 1500, RefCount: 1 } }

const old = {
  LayersSize: 7_000_000,
  Images: [image, unused],
  Containers: [container, { ...container, State: 'exited', SizeRw: 1000 }],
  Volumes: [volume, used],
  BuildCache: [
    {
      ID: 'x',
      Type: 'regular',
      Size: 100,
      InUse: true,
      Shared: false,
      CreatedAt: '2020-01-01T00:00:00Z',
    },
  ],
}

const usage = (
  TotalCount: number,
  ActiveCount: number,
  TotalSize: number,
  Reclaimable: number,
) => ({
  TotalCount,
  ActiveCount,
  TotalSize,
  Reclaimable,
})

const counted = {
  ImageUsage: usage(2, 1, 7_000_000, 4_000_000),
  ContainerUsage: usage(2, 1, 4000, 1000),
  VolumeUsage: usage(2, 1, 2000, 500),
  BuildCacheUsage: usage(1, 1, 100, 0),
}

const table = `TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE
Images          2         1         7MB       4MB (57%)
Containers      2         1         4kB       1kB (25%)
Local Volumes   2         1         2kB       500B (25%)
Build Cache     1         1         100B      0B
`

for (const [name, body] of Object.entries({
  'counted by the client': old,
  'counted by the daemon': counted,
}))
  test(`df: ${name}`, async () => {
    await using daemon = await FakeDaemon.start(() => ({ body }))
    const { stdout, stderr } = await runCli(['system', 'df'], { host: daemon.host })
    assert.deepEqual([stdout, stderr], [table, ''])
  })

test('df -v: four tables', async () => {
  await using daemon = await FakeDaemon.start(() => ({ body: old }))
  const { stdout } = await runCli(['system', 'df', '-v'], { host: daemon.host })
  const plain = stdout.replaceAll(/\d+ years ago/g, 'N years ago').replaceAll(/ {2,}/g, '  ')
  assert.equal(
    plain,
    `Images space usage:

REPOSITORY  TAG  IMAGE ID  CREATED  SIZE  SHARED SIZE  UNIQUE SIZE  CONTAINERS
busybox  1  bbbbbbbbbbbb  N years ago  4MB  1MB  3MB  2
<none>  <none>  cccccccccccc  N years ago  4MB  0B  4MB  0

Containers space usage:

CONTAINER ID  IMAGE  COMMAND  LOCAL VOLUMES  SIZE  CREATED  STATUS  NAMES
dddddddddddd  busybox  "sh"  0  3kB  N years ago  Up  web
dddddddddddd  busybox  "sh"  0  1kB  N years ago  Up  web

Local Volumes space usage:

VOLUME NAME  LINKS  SIZE
data  0  500B
logs  1  1.5kB

Build cache usage: 100B

CACHE ID  CACHE TYPE  SIZE  CREATED  LAST USED  USAGE  SHARED
x*  regular  100B  N years ago  0  false
`,
  )
})

test('df by templates', async () => {
  await using daemon = await FakeDaemon.start(() => ({ body: old }))
  const df = async (...args: string[]): Promise<string> =>
    (await runCli(['system', 'df', ...args], { host: daemon.host })).stdout
  assert.equal(
    await df('--format', '{{.Type}}={{.Size}}'),
    'Images=7MB\nContainers=4kB\nLocal Volumes=2kB\nBuild Cache=100B\n',
  )
  assert.equal(
    (await df('--format', 'json')).split('\n')[1],
    '{"Active":"1","Reclaimable":"1kB (25%)","Size":"4kB","TotalCount":"2","Type":"Containers"}',
  )
  assert.equal(await df('-v', '--format', '{{range .Volumes}}{{.Name}} {{end}}'), 'data logs ')
})
