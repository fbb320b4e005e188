import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatResolvConf,
  hostResolvConf,
  isolatedResolvConf,
  isResolvedStub,
  parseResolvConf,
} from './resolv-conf.ts'

const nothing = { dns: [], dnsSearch: [], dnsOptions: [] }
const host = parseResolvConf(`# from DHCP
nameserver 127.0.0.1
nameserver 192.0.2.53
nameserver fd00::53
nameserver nonsense
domain old.example
search a.example b.example
options ndots:2
options edns0
sortlist 10.0.0.0
`)

test('resolv.conf(5) is read as the resolver reads it', () => {
  assert.deepEqual(host, {
    nameservers: ['127.0.0.1', '192.0.2.53', 'fd00::53'],
    search: ['a.example', 'b.example'],
    options: ['ndots:2', 'edns0'],
    other: ['sortlist 10.0.0.0'],
    invalid: ['nonsense'],
  })
})

test('in a namespace of its own: no loopback resolvers, no IPv6 ones without IPv6', () => {
  assert.equal(
    formatResolvConf(isolatedResolvConf(host, nothing, false)),
    'nameserver 192.0.2.53\nsearch a.example b.example\noptions ndots:2 edns0\nsortlist 10.0.0.0\n',
  )
  assert.deepEqual(isolatedResolvConf(host, nothing, true).nameservers, ['192.0.2.53', 'fd00::53'])
})

test('public resolvers where none of the host’s can be reached', () => {
  const local = parseResolvConf('nameserver 127.0.0.53\n')
  assert.ok(isResolvedStub(local))
  assert.deepEqual(isolatedResolvConf(local, nothing, false).nameservers, ['8.8.8.8', '8.8.4.4'])
})

test('what the user asks for replaces the host’s, and is not filtered', () => {
  const asked = { dns: ['127.0.0.1', 'fd00::1'], dnsSearch: ['.'], dnsOptions: ['timeout:1'] }
  const conf = isolatedResolvConf(host, asked, false)
  assert.deepEqual(conf.nameservers, ['127.0.0.1', 'fd00::1'])
  assert.deepEqual(conf.search, [])
  assert.deepEqual(conf.options, ['timeout:1'])
})

test('in the host’s namespace everything is kept', () => {
  assert.deepEqual(hostResolvConf(host, nothing), host)
})
