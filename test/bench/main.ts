/**
 * Compares engines over their sockets, interleaved in one run; a result is the ratio to the first.
 *
 *     npm run bench                                        Debian's dockerd and this tdockerd
 *     npm run bench -- --engine NAME=SOCKET [--engine …]   engines that run already
 *         [--only CASE,CASE] [--iterations 10] [--rounds 3] [--json FILE]
 *         [--image busybox] [--pull HOST:PORT/NAME:TAG] [--client PROGRAM …]
 *
 * On its own it starts a dockerd of Debian's packages (unpacked, not installed) in a network
 * namespace of its own, a tdockerd, and a registry for each, all on a RAM disk.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ApiClient } from '../lib/api-client.ts'
import { type BenchOptions, cases, type Engine } from './cases.ts'
import { Results } from './measure.ts'
import { startPeers } from './peers.ts'

const { values } = parseArgs({
  options: {
    engine: { type: 'string', multiple: true },
    only: { type: 'string' },
    iterations: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
    image: { type: 'string', default: 'busybox' },
    pull: { type: 'string' },
    client: { type: 'string', multiple: true },
  },
})

await using started = values.engine ? undefined : await startPeers()
const engines: Engine[] =
  started?.engines ??
  (values.engine ?? []).map((text) => {
    const [name = '', socket = ''] = text.split('=')
    return { name, api: new ApiClient(socket.replace(/^unix:\/\//, '')), pids: [] }
  })
const options: BenchOptions = {
  image: values.image,
  pullReference: values.pull ?? started?.pullReference,
  clients: values.client ?? started?.clients ?? ['docker'],
  iterations: Number(values.iterations),
}
const wanted = values.only?.split(',')
const results = new Results(engines.map((engine) => engine.name))

for (const [name, run] of Object.entries(cases)) {
  if (wanted && !wanted.includes(name)) continue
  for (let round = 0; round < Number(values.rounds); round++)
    for (const engine of round % 2 === 0 ? engines : engines.toReversed()) {
      try {
        await run(engine, results, options)
      } catch (error) {
        console.error(`${name} on ${engine.name}: ${(error as Error).message}`)
        process.exitCode = 1
      }
    }
  console.error(`${name} done`)
}
console.log(results.table())
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results.json(), null, 2))
for (const engine of engines) engine.api.close()
