/**
 * A dockerd that writes its own tables of nftables (29 and later): `TDOCKER_PEER` names a directory
 * with its programs. With it beside-dockerd.test.ts meets the same dockerd with iptables.
 */
import './private-netns.ts'
import { test } from 'node:test'
import { testBesideDockerd } from './beside-dockerd.ts'

if (process.env['TDOCKER_PEER'] === undefined)
  test('beside a dockerd with nftables', { skip: 'TDOCKER_PEER names no dockerd' }, () => {})
else testBesideDockerd('nftables', ['--firewall-backend', 'nftables'])
