/** The rows, each by a container: its mountinfo, what it may write, and nothing left on the host. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Row, rows, type Shown } from './rows.ts'
import { ownMounts } from '../../lib/own-mounts.ts'
import { makeWorld, type World } from './world.ts'

let world: World

before(async () => {
  world = await makeWorld()
  await world.daemon.run(
    {
      Cmd: ['true'],
      Volumes: { '/from': {} },
      HostConfig: { NetworkMode: 'none', Binds: [`${world.host}/plain:/host:ro`] },
    },
    'donor',
  )
})
after(() => world[Symbol.asyncDispose]())

interface Line extends Required<Omit<Shown, 'root'>> {
  root: string
}

/** Target → the last mount on it. */
function parse(mountinfo: string): Map<string, Line> {
  const lines = new Map<string, Line>()
  for (const text of mountinfo.trim().split('\n')) {
    const [left = '', right = ''] = text.split(' - ')
    const [, , , root = '', target = '', options = '', ...optional] = left.split(' ')
    const [type = '', , superOptions = ''] = right.split(' ')
    const peers = optional.map((field) => field.split(':')[0]).join(' ')
    lines.set(target, { root, options, type, superOptions, peers })
  }
  return lines
}

function check(target: string, wanted: Shown | undefined, line: Line | undefined): void {
  if (!wanted) return assert.equal(line, undefined, `${target} is mounted`)
  assert.ok(line, `${target} is not mounted`)
  const words = (text: string): string[] => text.split(',')
  for (const key of ['options', 'superOptions'] as const)
    for (const word of wanted[key]?.split(' ') ?? [])
      if (word.startsWith('!'))
        assert.ok(!words(line[key]).includes(word.slice(1)), `${target}: ${line[key]}`)
      else assert.ok(words(line[key]).includes(word), `${target}: no ${word} in ${line[key]}`)
  for (const key of ['type', 'peers'] as const)
    if (wanted[key] !== undefined) assert.equal(line[key], wanted[key], `${target}: ${key}`)
  if (wanted.root) assert.match(line.root, wanted.root)
}

interface Told {
  Id: string
  message: string
}

async function tryRow(row: Row): Promise<{ status: number; message: string; id: string }> {
  const { api } = world.daemon
  const version = row.version ? `/${row.version}` : ''
  const script = `cat /proc/self/mountinfo; echo ----; ${row.script ?? ''}`
  const body = {
    Image: 'busybox',
    Cmd: ['sh', '-c', script],
    ...row.config,
    HostConfig: { NetworkMode: 'none', ...row.set },
  }
  const filled = JSON.parse(JSON.stringify(body).replaceAll('{host}', world.host)) as object
  const created = await api.post<Told>(`${version}/containers/create`, filled)
  const id = created.body.Id ?? ''
  if (created.status !== 201) return { status: created.status, message: created.body.message, id }
  const started = await api.post<Told>(`${version}/containers/${id}/start`)
  return { status: started.status, message: started.body?.message ?? '', id }
}

for (const row of rows)
  test(row.what, async () => {
    const { daemon } = world
    const before = ownMounts(daemon.id)
    const done = await tryRow(row)
    try {
      if (row.refused) {
        const [status, sentence] = row.refused
        assert.match(done.message, sentence)
        assert.equal(done.status, status, done.message)
        return
      }
      assert.equal(done.status, 204, done.message)
      await daemon.wait(done.id)
      const [mountinfo = '', printed = ''] = (await daemon.logs(done.id)).split('----\n')
      const lines = parse(mountinfo)
      for (const [target, shown] of Object.entries(row.shown ?? {}))
        check(target, shown, lines.get(target))
      if (typeof row.prints === 'string') assert.equal(printed, row.prints)
      else if (row.prints) assert.match(printed, row.prints)
    } finally {
      if (done.id !== '') await daemon.api.delete(`/containers/${done.id}?v=1&force=1`)
      assert.deepEqual(ownMounts(daemon.id), before, 'the host sees other mounts than before')
    }
  })
