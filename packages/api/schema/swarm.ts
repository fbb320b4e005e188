/**
 * Bodies of the swarm family. The engine is never part of a swarm, so that nothing in them is
 * looked at: they only have to be the JSON of their type.
 */
import { Type } from 'typebox'

export const SwarmInitRequest = Type.Object({}, { go: 'swarm.InitRequest' })
export const SwarmJoinRequest = Type.Object({}, { go: 'swarm.JoinRequest' })
export const SwarmSpec = Type.Object({}, { go: 'swarm.Spec' })
export const SwarmUnlockRequest = Type.Object({}, { go: 'swarm.UnlockRequest' })
export const ServiceSpec = Type.Object({}, { go: 'swarm.ServiceSpec' })
export const NodeSpec = Type.Object({}, { go: 'swarm.NodeSpec' })
export const SecretSpec = Type.Object({}, { go: 'swarm.SecretSpec' })
export const ConfigSpec = Type.Object({}, { go: 'swarm.ConfigSpec' })
export const PluginSettings = Type.Array(Type.String(), { go: '[]string' })
