import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkExtraHost, hostHostsFile, hostsFile } from './hosts-file.ts'

const self = { addresses: ['172.17.0.2', 'fd00::2'], hostname: 'web', domainname: '' }

test('the file Docker writes', () => {
  const text = hostsFile({
    ipv6: true,
    extraHosts: ['db:10.0.0.9', 'six:fd00::9', 'host.docker.internal:host-gateway'],
    hostGateways: ['172.17.0.1', 'fd00::1'],
    self,
  })
  assert.equal(
    text,
    [
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::\tip6-localnet',
      'ff00::\tip6-mcastprefix',
      'ff02::1\tip6-allnodes',
      'ff02::2\tip6-allrouters',
      '10.0.0.9\tdb',
      'fd00::9\tsix',
      '172.17.0.1\thost.docker.internal',
      'fd00::1\thost.docker.internal',
      '172.17.0.2\tweb',
      'fd00::2\tweb',
      '',
    ].join('\n'),
  )
})

test('without IPv6, with a domain, without an address', () => {
  const bare = { ipv6: false, extraHosts: [], hostGateways: [], self: { ...self, addresses: [] } }
  assert.equal(hostsFile(bare), '127.0.0.1\tlocalhost\n')
  assert.equal(
    hostsFile({
      ...bare,
      self: { addresses: ['172.17.0.2'], hostname: 'web', domainname: 'example.org' },
    }),
    '127.0.0.1\tlocalhost\n172.17.0.2\tweb.example.org web\n',
  )
})

test('the host’s own file gets the extra hosts appended', () => {
  assert.equal(hostHostsFile('a\n', [], []), 'a\n')
  assert.equal(hostHostsFile('a', ['x:1.2.3.4'], []), 'a\n1.2.3.4\tx\n')
  assert.throws(
    () => hostHostsFile('', ['x:host-gateway'], []),
    /unable to derive the IP value for host-gateway/,
  )
})

test('extra hosts are checked', () => {
  for (const good of ['a:1.2.3.4', 'a:::1', 'a:[::1]', 'a:host-gateway']) checkExtraHost(good)
  assert.throws(() => checkExtraHost('a'), /bad format for add-host: "a"/)
  assert.throws(() => checkExtraHost(':1.2.3.4'), /bad format for add-host/)
  assert.throws(() => checkExtraHost('a:b'), /invalid IP address in add-host: "b"/)
})
