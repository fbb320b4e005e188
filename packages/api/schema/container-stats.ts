/** Answers of `GET /containers/{id}/stats`. */
export interface ContainerPidsStats {
  current: number | null
  limit: number | null
}

export interface ContainerMemoryStats {
  usage: number | null
  max_usage: number | null
  stats: Record<string, number>
  failcnt: number | null
  limit: number | null
  commitbytes: number | null
  commitpeakbytes: number | null
  privateworkingset: number | null
}

export interface ContainerBlkioStatEntry {
  major: number
  minor: number
  op: string
  value: number
}

export interface ContainerBlkioStats {
  io_service_bytes_recursive: Array<ContainerBlkioStatEntry>
  io_serviced_recursive: Array<ContainerBlkioStatEntry> | null
  io_queue_recursive: Array<ContainerBlkioStatEntry> | null
  io_service_time_recursive: Array<ContainerBlkioStatEntry> | null
  io_wait_time_recursive: Array<ContainerBlkioStatEntry> | null
  io_merged_recursive: Array<ContainerBlkioStatEntry> | null
  io_time_recursive: Array<ContainerBlkioStatEntry> | null
  sectors_recursive: Array<ContainerBlkioStatEntry> | null
}

export interface ContainerCPUUsage {
  total_usage: number
  percpu_usage: Array<number> | null
  usage_in_kernelmode: number
  usage_in_usermode: number
}

export interface ContainerThrottlingData {
  periods: number
  throttled_periods: number
  throttled_time: number
}

export interface ContainerCPUStats {
  cpu_usage: ContainerCPUUsage
  system_cpu_usage: number | null
  online_cpus: number | null
  throttling_data: ContainerThrottlingData
}

export interface ContainerNetworkStats {
  rx_bytes: number
  rx_packets: number
  rx_errors: number
  rx_dropped: number
  tx_bytes: number
  tx_packets: number
  tx_errors: number
  tx_dropped: number
  endpoint_id: string | null
  instance_id: string | null
}

export interface ContainerStorageStats {
  read_count_normalized: number | null
  read_size_bytes: number | null
  write_count_normalized: number | null
  write_size_bytes: number | null
}

export interface ContainerStatsResponse {
  id: string | null
  name: string | null
  os_type: string | null
  read: string
  cpu_stats: ContainerCPUStats
  memory_stats: ContainerMemoryStats
  networks: Record<string, ContainerNetworkStats> | null
  pids_stats: ContainerPidsStats
  blkio_stats: ContainerBlkioStats
  num_procs: number
  storage_stats: ContainerStorageStats
  preread: string
  precpu_stats: ContainerCPUStats
}
