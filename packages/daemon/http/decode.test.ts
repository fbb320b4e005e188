import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AuthConfig,
  ContainerCreateRequest,
  ExecCreateRequest,
  NetworkCreateRequest,
} from '@tdocker/api'
import { Value } from 'typebox/value'
import { decodeBody } from './decode.ts'

const create = (body: unknown) => decodeBody(ContainerCreateRequest, JSON.stringify(body))
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('keys match without regard to case, at every depth', () => {
  const body = create({
    IMAGE: 'busybox',
    hostconfig: { memory: 4, BINDS: ['a:b'], restartpolicy: { name: 'always' } },
    networkingConfig: { endpointsconfig: { Net: { ipamconfig: { ipv4address: '1.2.3.4' } } } },
  })
  assert.deepEqual(plain(body), {
    Image: 'busybox',
    HostConfig: { Memory: 4, Binds: ['a:b'], RestartPolicy: { Name: 'always' } },
    NetworkingConfig: { EndpointsConfig: { Net: { IPAMConfig: { IPv4Address: '1.2.3.4' } } } },
  })
})

test('a key of any spelling cannot hide from the one who acts on it', () => {
  // The long s and the Kelvin sign fold to ASCII in Go.
  assert.deepEqual(plain(create({ HoſtConfig: { Privileged: true } })), {
    HostConfig: { Privileged: true },
  })
  assert.deepEqual(
    plain(
      create({ HostConfig: { Privileged: false, Memory: 1 }, hostconfig: { privileged: true } }),
    ),
    { HostConfig: { Privileged: true, Memory: 1 } },
  )
})

test('the keys of maps keep their case', () => {
  assert.deepEqual(plain(create({ labels: { Aa: '1', aa: '2' } })), {
    Labels: { Aa: '1', aa: '2' },
  })
})

test('null is not given, in lists and maps it is the empty value', () => {
  assert.deepEqual(
    plain(
      create({
        Image: null,
        Env: null,
        HostConfig: { PidsLimit: null, PortBindings: { '80/tcp': null }, Mounts: [null] },
        Labels: { a: null },
        Cmd: ['x', null],
        NetworkingConfig: { EndpointsConfig: { net: null } },
      }),
    ),
    {
      HostConfig: { PortBindings: { '80/tcp': [] }, Mounts: [{}] },
      Labels: { a: '' },
      Cmd: ['x', ''],
      NetworkingConfig: { EndpointsConfig: { net: {} } },
    },
  )
  assert.equal(decodeBody(ContainerCreateRequest, 'null'), undefined)
})

test('unknown keys are ignored, whatever they hold', () => {
  assert.deepEqual(plain(create({ Image: 'x', Bogus: { a: [1] } })), { Image: 'x' })
})

test('no prototype is touched', () => {
  const text =
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"Labels":{"__proto__":"x","constructor":"y"}}'
  const body = decodeBody(ContainerCreateRequest, text)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
  assert.deepEqual(Object.keys(body?.Labels ?? {}), ['__proto__', 'constructor'])
  assert.equal(create({ Labels: {} })?.Labels?.['constructor'], undefined)
})

test('Cmd and Entrypoint are lists, as since Docker 29', () => {
  for (const [key, value, word] of [
    ['Cmd', 'ls', 'string'],
    ['Entrypoint', 1, 'number'],
  ] as const)
    assert.throws(() => create({ [key]: value }), {
      message: `invalid JSON: json: cannot unmarshal ${word} into Go struct field CreateRequest.Config.${key} of type []string`,
    })
  assert.throws(() => create({ Env: 'A=1' }), /cannot unmarshal string .* of type \[\]string/)
})

test('wrong types are told as Go tells them', () => {
  const cases: Array<[unknown, string]> = [
    [
      { HostConfig: { Memory: '4g' } },
      'string into Go struct field HostConfig.HostConfig.Resources.Memory of type int64',
    ],
    [{ Tty: 'yes' }, 'string into Go struct field CreateRequest.Config.Tty of type bool'],
    [{ Image: 5 }, 'number into Go struct field CreateRequest.Config.Image of type string'],
    [{ Env: [1] }, 'number into Go struct field CreateRequest.Config.Env of type string'],
    [
      { Labels: [] },
      'array into Go struct field CreateRequest.Config.Labels of type map[string]string',
    ],
    [
      { HostConfig: [] },
      'array into Go struct field CreateRequest.HostConfig of type container.HostConfig',
    ],
    [
      { HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 80 }] } } },
      'number into Go struct field PortBinding.HostConfig.PortBindings.HostPort of type string',
    ],
    [
      { HostConfig: { LogConfig: { Config: { a: 1 } } } },
      'number into Go struct field LogConfig.HostConfig.LogConfig.Config of type string',
    ],
    [
      { HostConfig: { BlkioWeight: 70000 } },
      'number 70000 into Go struct field HostConfig.HostConfig.Resources.BlkioWeight of type uint16',
    ],
    [
      { HostConfig: { Memory: 1.5 } },
      'number 1.5 into Go struct field HostConfig.HostConfig.Resources.Memory of type int64',
    ],
    [
      { HostConfig: { Memory: 1e30 } },
      'number 1e+30 into Go struct field HostConfig.HostConfig.Resources.Memory of type int64',
    ],
    [[], 'array into Go value of type container.CreateRequest'],
    ['x', 'string into Go value of type container.CreateRequest'],
  ]
  for (const [body, sentence] of cases) {
    assert.throws(() => create(body), {
      message: `invalid JSON: json: cannot unmarshal ${sentence}`,
    })
  }
})

test('what comes out fits the schema, whatever went in', () => {
  const random = mulberry(7)
  for (let round = 0; round < 1000; round++) {
    for (const schema of [
      ContainerCreateRequest,
      ExecCreateRequest,
      NetworkCreateRequest,
      AuthConfig,
    ]) {
      const text = JSON.stringify(mutant(schema, random, 0))
      let body: unknown
      try {
        body = decodeBody(schema, text)
      } catch (error) {
        assert.match(
          (error as Error).message,
          /^invalid JSON: (json: cannot unmarshal |ParseAddr\(|netip\.ParsePrefix\(|invalid port |address )/,
        )
        continue
      }
      // Maps come without a prototype, which the checker does not take for objects.
      if (body !== undefined) assert.ok(Value.Check(schema, plain(body)), text)
    }
  }
})

interface Shape {
  type?: string
  properties?: Record<string, Shape>
  patternProperties?: Record<string, Shape>
  items?: Shape
}

/** A value that mostly fits the schema, with wrong parts strewn in. */
function mutant(schema: Shape, random: () => number, depth: number): unknown {
  if (random() < 0.02)
    return [null, 1, -1, 1.5, 'x', true, [], {}, [null]][Math.floor(random() * 9)]
  if (schema.properties) {
    const fields = Object.entries(schema.properties).filter(() => random() < 0.3 / (depth + 1))
    return Object.fromEntries(
      fields.map(([key, field]) => [
        random() < 0.3 ? key.toLowerCase() : key,
        mutant(field, random, depth + 1),
      ]),
    )
  }
  const values = Object.values(schema.patternProperties ?? {})[0]
  if (values) return { a: mutant(values, random, depth + 1), __proto__x: null }
  if (schema.items) return [mutant(schema.items, random, depth + 1)]
  if (schema.type === 'integer') return Math.floor(random() * 100)
  if (schema.type === 'boolean') return random() < 0.5
  return 'text'
}

function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
