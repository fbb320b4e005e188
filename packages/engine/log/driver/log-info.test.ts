import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extraAttributes, fileAttributes, type LogInfo, logTag } from './log-info.ts'

const info = (config: Record<string, string>): LogInfo => ({
  config,
  id: 'abcdef'.repeat(11).slice(0, 64),
  name: 'web',
  path: 'sh',
  args: ['-c', 'true'],
  imageId: `sha256:${'1'.repeat(64)}`,
  imageName: 'shop/web:1',
  createdNs: 0n,
  env: ['MODE=dev', 'KEY=a=b', 'BARE'],
  labels: { app: 'shop', other: '1' },
})

for (const [template, expected] of [
  ['{{.Name}}/{{ .ID }}', 'web/abcdefabcdef'],
  ['{{.FullID}}', 'abcdef'.repeat(11).slice(0, 64)],
  ['{{.ImageName}} {{.ImageID}} {{.DaemonName}}', 'shop/web:1 111111111111 docker'],
  ['{{.ImageFullID}}', `sha256:${'1'.repeat(64)}`],
  ['{{.Command}}', 'sh -c true'],
  ['plain', 'plain'],
  ['{{.Name | upper}}-{{truncate .FullID 3}}', 'WEB-abc'],
  ['{{ index .ContainerLabels "app" }}', 'shop'],
  ['{{.ContainerLabels}}', 'map[app:shop other:1]'],
  ['{{json .Name}}', '"web"'],
  ['{{join .ContainerArgs ","}}', '-c,true'],
  ['{{pad .Name 1 2}}|', ' web  |'],
  ['{{index .ContainerLabels "constructor"}}.', '.'],
  ['{{.Config.constructor}} {{.Config.__proto__.toString}}', '<no value> <no value>'],
  ['a {{- .Name -}} b', 'awebb'],
] as const)
  test(`tag ${template}`, () => assert.equal(logTag(info({ tag: template }), ''), expected))

for (const [template, message] of [
  ['{{constructor .Name}}', 'template: log-tag:1: function "constructor" not defined'],
  ['{{.Name', 'template: log-tag:1: unclosed action'],
  ['{{nope .Name}}', 'template: log-tag:1: function "nope" not defined'],
  [
    '{{.Nope}}',
    'template: log-tag:1:2: executing "log-tag" at <.Nope>: can\'t evaluate field Nope in type *logger.Info',
  ],
] as const)
  test(`tag ${template} is refused`, () =>
    assert.throws(() => logTag(info({ tag: template }), ''), { message }))

test('attributes are the labels and variables asked for, and a tag that was', () => {
  assert.equal(fileAttributes(info({})), '')
  assert.equal(
    fileAttributes(info({ labels: 'app,missing', 'env-regex': '^(MO|KE)', tag: '{{.Name}}' })),
    '{"KEY":"a=b","MODE":"dev","app":"shop","tag":"web"}',
  )
  assert.equal(
    fileAttributes(info({ 'labels-regex': '^o', env: 'MODE' })),
    '{"MODE":"dev","other":"1"}',
  )
})

test('expressions are RE2’s and stop nobody', () => {
  const labels = { [`${'a'.repeat(4000)}!`]: 'x', ['__proto__']: 'y' }
  const of = (pattern: string) => extraAttributes({ ...info({ 'labels-regex': pattern }), labels })
  assert.deepEqual(Object.keys(of('(a+)+$')), [])
  assert.deepEqual(Object.entries(of('^__')), [['__proto__', 'y']])
  assert.throws(() => of('(?=a)'), {
    message: 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
  })
})
