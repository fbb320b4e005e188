import './private-netns.ts'
import { testBesideDockerd } from './beside-dockerd.ts'

testBesideDockerd('iptables')
