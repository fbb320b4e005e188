export { createNetworks, type Networks, type NetworksOptions } from './networks.ts'
export type { NetworksConfig, NetworksLog } from './networks-config.ts'
