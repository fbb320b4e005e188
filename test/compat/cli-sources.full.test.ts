/** As cli.test.ts; a Node for each line takes its time. */
import { testLines } from './cli-lines.ts'
import { docker, fromSources } from './clients.ts'

testLines([docker, fromSources])
