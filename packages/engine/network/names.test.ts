import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NameTable, type NameChange } from './names.ts'

const record = (endpointId: string, names: string[], ...addresses: string[]) => ({
  endpointId,
  networkId: 'net',
  containerId: `c-${endpointId}`,
  names,
  addresses,
})

test('names answer with the addresses of all who share them, in order of arrival', () => {
  const table = new NameTable()
  table.set(record('1', ['web', 'app'], '10.0.0.2', 'fd00::2'))
  table.set(record('2', ['db', 'app'], '10.0.0.3'))
  assert.deepEqual(table.lookup('net', 'APP', 4), ['10.0.0.2', '10.0.0.3'])
  assert.deepEqual(table.lookup('net', 'app', 6), ['fd00::2'])
  assert.deepEqual(table.lookup('net', 'db', 6), [])
  assert.equal(table.lookup('net', 'nobody', 4), undefined)
  assert.equal(table.lookup('other', 'web', 4), undefined)
  assert.equal(table.reverse('net', '10.0.0.3'), 'db')
  assert.equal(table.reverse('net', 'FD00:0::2'), 'web')
  assert.equal(table.reverse('net', '10.0.0.9'), undefined)
})

test('changes are told, and forgotten endpoints answer no more', () => {
  const table = new NameTable()
  const heard: NameChange[] = []
  const stop = table.onChange((change) => heard.push(change))
  table.set(record('1', ['web'], '10.0.0.2'))
  table.set(record('1', ['new'], '10.0.0.2'))
  assert.equal(table.lookup('net', 'web', 4), undefined)
  table.delete('net', '1')
  table.delete('net', '1')
  stop()
  table.set(record('1', ['web'], '10.0.0.2'))
  assert.equal(heard.length, 3)
  assert.deepEqual(heard[2], { networkId: 'net', endpointId: '1' })
})
