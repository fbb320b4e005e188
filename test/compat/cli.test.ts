import { testLines } from './cli-lines.ts'
import { clients } from './clients.ts'

testLines(clients)
