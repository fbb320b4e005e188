import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builderWarnings, cacheCollection, historyLimits } from './builder.ts'

const none = { reservedSpace: 0, maxUsedSpace: 0, minFreeSpace: 0 }

test('nothing is collected unless daemon.json has a gc that is not off', () => {
  assert.equal(cacheCollection(undefined), undefined)
  assert.equal(cacheCollection({ entitlements: {} }), undefined)
  assert.equal(cacheCollection({ gc: { enabled: false, defaultKeepStorage: '1GB' } }), undefined)
  assert.deepEqual(cacheCollection({ gc: {} }), none)
})

test('sizes, by their new and old names', () => {
  assert.deepEqual(cacheCollection({ GC: { Enabled: true, DefaultKeepStorage: '20GB' } }), {
    ...none,
    reservedSpace: 20 * 2 ** 30,
  })
  assert.deepEqual(
    cacheCollection({
      gc: {
        defaultReservedSpace: '1k',
        defaultKeepStorage: '2k',
        defaultMaxUsedSpace: '3k',
        defaultMinFreeSpace: '4k',
      },
    }),
    { reservedSpace: 1024, maxUsedSpace: 3072, minFreeSpace: 4096 },
  )
})

test('policies, with filters in both forms', () => {
  const policy = [
    { filter: ['unused-for=48h', 'Type = regular'], keepStorage: '1MB' },
    { all: true, filter: { private: { true: true } }, maxUsedSpace: '5' },
  ]
  assert.deepEqual(cacheCollection({ gc: { policy } }), [
    {
      ...none,
      all: false,
      filters: new Map([
        ['unused-for', ['48h']],
        ['type', ['regular']],
      ]),
      reservedSpace: 2 ** 20,
    },
    { ...none, all: true, filters: new Map([['private', ['true']]]), maxUsedSpace: 5 },
  ])
})

test('what is wrong is refused', () => {
  for (const [builder, message] of [
    [
      { gc: { defaultKeepStorage: 'much' } },
      /failed to parse defaultKeepStorage: invalid size: 'much'/,
    ],
    [{ gc: { enabled: 'yes' } }, /builder\.gc\.enabled/],
    [{ gc: { policy: [{ filter: [1] }] } }, /filter/],
    [{ gc: [] }, /builder\.gc/],
    [[], /builder/],
  ] as const)
    assert.throws(() => cacheCollection(builder), message)
})

test('limits of the history, and what is not served', () => {
  assert.equal(historyLimits({ gc: {} }), undefined)
  assert.deepEqual(historyLimits({ history: {} }), { maxEntries: 0, maxAgeMs: 0 })
  assert.deepEqual(historyLimits({ history: { maxEntries: 5, maxAge: '1h30m' } }), {
    maxEntries: 5,
    maxAgeMs: 5_400_000,
  })
  assert.equal(historyLimits({ history: { maxAge: 60 } })?.maxAgeMs, 60_000)
  assert.throws(() => historyLimits({ history: { maxAge: 'long' } }), /invalid duration long/)
  assert.throws(() => historyLimits({ history: { maxEntries: '5' } }), /maxEntries/)
  assert.deepEqual(builderWarnings({ gc: {} }), [])
  assert.equal(builderWarnings({ entitlements: { 'network-host': false } }).length, 1)
})
