import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerSummary, ImageSummary, PortSummary } from '@tdocker/api'
import { containerFormat, containerHeaders, containerRow, displayPorts } from './container-row.ts'
import { imageFormat, imageHeaders, imageRows } from './image-row.ts'
import { compactJson, indentJson, parseExact } from './json.ts'
import { familiarName, parseReference } from './reference.ts'
import { ellipsis, RowFormat } from './row.ts'
import { displayWidth, tabulate } from './table.ts'
import { ansicTime, binarySize, fixedNanoTime, humanDuration, humanSize } from './units.ts'

test('columns: at least minWidth, padding behind the widest cell, the last cell free', () => {
  assert.equal(
    tabulate('ID\tNAME\tX\nlong-identifier\ta\ty\n', { minWidth: 10, padding: 3 }),
    'ID                NAME      X\nlong-identifier   a         y\n',
  )
})

test('columns: a line without a tab ends the block above it', () => {
  assert.equal(
    tabulate('Client:\n Version:\t1\nServer:\n Long name here:\t2\n', { minWidth: 5, padding: 1 }),
    'Client:\n Version: 1\nServer:\n Long name here: 2\n',
  )
})

test('wide characters count twice, marks not at all', () => {
  assert.equal(displayWidth('ab'), 2)
  assert.equal(displayWidth('日本'), 4)
  assert.equal(displayWidth('e\u0301'), 1)
})

test('sizes', () => {
  const decimal: Array<[number, string]> = [
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [1_220_000, '1.22MB'],
    [1_234_567, '1.235MB'],
  ]
  for (const [bytes, text] of decimal) assert.equal(humanSize(bytes), text)
  assert.equal(humanSize(1_975_432, 3), '1.98MB')
  assert.equal(binarySize(25_276_514_304), '23.54GiB')
})

test('durations', () => {
  const second = 1000
  const hour = 3600 * second
  const cases: Array<[number, string]> = [
    [500, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [60 * second, 'About a minute'],
    [59 * 60 * second, '59 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [14 * 24 * hour, '2 weeks'],
    [60 * 24 * hour, '2 months'],
    [730 * 24 * hour, '2 years'],
  ]
  for (const [milliseconds, text] of cases) assert.equal(humanDuration(milliseconds), text)
})

test('times', () => {
  assert.equal(ansicTime('2026-05-07T21:09:36.000000000+00:00'), 'Thu May  7 21:09:36 2026')
  assert.equal(ansicTime('unknown'), 'unknown')
  assert.match(fixedNanoTime(1_795_267_300_014_003_335n), /:40\.014003335(Z|[+-]\d\d:\d\d)$/)
})

test('JSON keeps digits, order and empty braces', () => {
  const text = '{"b":9223372036854775807,"a":[],"o":{},"t":"x, \\"{y}\\"","n":[1,{"z":null}]}'
  assert.equal(
    indentJson(text),
    `{
    "b": 9223372036854775807,
    "a": [],
    "o": {},
    "t": "x, \\"{y}\\"",
    "n": [
        1,
        {
            "z": null
        }
    ]
}`,
  )
  assert.equal(compactJson(indentJson(text)), text)
  assert.deepEqual(parseExact('{"b":9223372036854775807,"a":1.5}'), {
    b: 9223372036854775807n,
    a: 1.5,
  })
})

test('references', () => {
  assert.deepEqual(parseReference('busybox'), { domain: 'docker.io', path: 'library/busybox' })
  assert.deepEqual(parseReference('localhost:5000/a/b:c'), {
    domain: 'localhost:5000',
    path: 'a/b',
    tag: 'c',
  })
  const digest = `sha256:${'a'.repeat(64)}`
  assert.deepEqual(parseReference(`a/b@${digest}`), { domain: 'docker.io', path: 'a/b', digest })
  assert.equal(familiarName('docker.io/library/busybox:1'), 'busybox:1')
  assert.equal(familiarName('foo', { defaultTag: true }), 'foo:latest')
  assert.throws(() => parseReference('Foo'), {
    message: 'invalid reference format: repository name (library/Foo) must be lowercase',
  })
  for (const bad of ['', 'foo:', 'foo:bar:x', 'a//b', '-a', 'a@sha256:1']) {
    assert.throws(() => parseReference(bad), { message: 'invalid reference format' }, bad)
  }
})

const port = (PrivatePort: number, PublicPort: number, IP: string): PortSummary =>
  ({ PrivatePort, PublicPort, IP, Type: 'tcp' }) as PortSummary

test('ports: ranges by address, mappings to other ports one by one', () => {
  assert.equal(
    displayPorts([
      port(81, 81, '0.0.0.0'),
      port(80, 80, '0.0.0.0'),
      port(90, 0, ''),
      port(7, 8, '::'),
    ]),
    '0.0.0.0:80-81->80-81/tcp, 90/tcp, [::]:8->7/tcp',
  )
})

const container = {
  Id: '10157f3d834f32859dd5dfaffaa3966bb19fd6291c59efb65a73463cd71471c9',
  Names: ['/other/alias', '/web'],
  Image: 'docker.io/library/busybox:latest',
  ImageID: 'sha256:c9b7ceabf84f92b76fd5c01478a76caa20fef883c0c767bcd8085654a789da5e',
  Command: 'sh -c "sleep 1000; echo done"',
  Created: 1_000_000,
  Ports: [],
  Labels: { b: '2', 'com.example.my-owner': 'x' },
  State: 'running',
  Status: 'Up 3 minutes (healthy)',
  Mounts: [],
  NetworkSettings: { Networks: { bridge: {} } },
} as unknown as ContainerSummary

function renderContainer(format: string, truncate = true): string {
  const rows = [containerRow(container, truncate, 1_000_000_000 + 7200_000)]
  return new RowFormat(containerFormat(format, false, false)).render(rows, containerHeaders, 'T')
}

test('the table of containers', () => {
  assert.equal(
    renderContainer(''),
    `CONTAINER ID   IMAGE            COMMAND                   CREATED       STATUS                   PORTS     NAMES
10157f3d834f   busybox:latest   "sh -c \\"sleep 1000; …"   2 hours ago   Up 3 minutes (healthy)             web
`,
  )
})

test('containers by templates', () => {
  assert.equal(renderContainer('{{.Names}}\\t{{.Label "b"}} {{.HealthStatus}}'), 'web\t2 healthy\n')
  assert.equal(renderContainer('{{.Names}}', false), 'other/alias,web\n')
  assert.equal(
    renderContainer('table {{upper .Names}}\t{{.Label "com.example.my-owner"}}'),
    'NAMES     my owner\nWEB       x\n',
  )
  assert.throws(() => renderContainer('{{.Foo}}'), {
    message:
      'template parsing error: template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type T',
  })
  const parsed = JSON.parse(renderContainer('json')) as Record<string, unknown>
  assert.equal(parsed['ID'], '10157f3d834f')
  assert.deepEqual(Object.keys(parsed), Object.keys(parsed).sort())
  assert.equal('Label' in parsed, false, 'fields with arguments are left out')
})

const image = {
  Id: 'sha256:c9b7ceabf84f92b76fd5c01478a76caa20fef883c0c767bcd8085654a789da5e',
  RepoTags: ['busybox:1', 'busybox:latest', 'localhost:5000/x:y'],
  RepoDigests: [`busybox@sha256:${'b'.repeat(64)}`],
  Created: 1_000_000,
  Size: 1_975_432,
  SharedSize: -1,
  Containers: -1,
} as unknown as ImageSummary

function renderImage(summary: ImageSummary, format: string, digests = false): string {
  const wanted = imageFormat(format, false, digests)
  const rows = imageRows(summary, { truncate: true, digests, now: 1_000_000_000 + 7200_000 })
  return new RowFormat(wanted).render(rows, imageHeaders, 'T')
}

test('the table of images has a line per tag', () => {
  assert.equal(
    renderImage(image, 'table'),
    `REPOSITORY         TAG       IMAGE ID       CREATED       SIZE
busybox            1         c9b7ceabf84f   2 hours ago   1.98MB
busybox            latest    c9b7ceabf84f   2 hours ago   1.98MB
localhost:5000/x   y         c9b7ceabf84f   2 hours ago   1.98MB
`,
  )
  assert.equal(
    renderImage(image, '{{.Tag}} {{.Digest}}', true),
    `1 sha256:${'b'.repeat(64)}\nlatest sha256:${'b'.repeat(64)}\ny <none>\n`,
  )
  const dangling = { ...image, RepoTags: [], RepoDigests: [] } as unknown as ImageSummary
  assert.equal(renderImage(dangling, '{{.Repository}}:{{.Tag}}'), '<none>:<none>\n')
})

test('long text ends in an ellipsis', () => {
  assert.equal(ellipsis('abcdef', 6), 'abcdef')
  assert.equal(ellipsis('abcdefg', 6), 'abcde…')
})
