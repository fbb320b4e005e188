import { nilList, nilMap } from './template/value.ts'
import type { Value } from './template/value.ts'

/**
 * What a template sees where the daemon left a known field of an object out, or sent null: the
 * zero value of its type. `{{if .State.Health}}` and `{{len .HostConfig.Binds}}` depend on it.
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const lists = words(`
  Args ExecIDs Mounts Cmd Entrypoint Env OnBuild Shell Test Binds CapAdd CapDrop Dns DnsOptions
  DnsSearch ExtraHosts GroupAdd Links SecurityOpt VolumesFrom Devices DeviceCgroupRules
  DeviceRequests Ulimits BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps
  BlkioDeviceReadIOps BlkioDeviceWriteIOps MaskedPaths ReadonlyPaths Aliases DNSNames LinkLocalIPs
  SecondaryIPAddresses SecondaryIPv6Addresses RepoTags RepoDigests Layers Log Manifests`)

const maps = words(`
  ExposedPorts Volumes Labels PortBindings Ports Networks Tmpfs Sysctls StorageOpt Annotations
  DriverOpts Options Containers Status`)

const texts = words(`
  StopSignal MacAddress Domainname User WorkingDir Runtime Isolation CgroupnsMode VolumeDriver
  Cgroup CgroupParent CpusetCpus CpusetMems Parent Comment Author Container DockerVersion Variant
  OsVersion ContainerIDFile Error IPAddress Gateway Bridge SandboxID SandboxKey EndpointID
  GlobalIPv6Address IPv6Gateway`)

const pointers = words(`
  Health Healthcheck StopTimeout Init SizeRw SizeRootFs GraphDriver Storage IPAMConfig PidsLimit
  OomKillDisable MemorySwappiness BindOptions VolumeOptions TmpfsOptions ImageOptions Node
  ImageManifestDescriptor Descriptor Identity ClusterVolume UsageData`)

const flags = words('ArgsEscaped NetworkDisabled AutoRemove Privileged')

const zeros: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...lists.map((name): [string, Value] => [name, nilList]),
  ...maps.map((name): [string, Value] => [name, nilMap]),
  ...texts.map((name): [string, Value] => [name, '']),
  ...pointers.map((name): [string, Value] => [name, null]),
  ...flags.map((name): [string, Value] => [name, false]),
])

/** Zero value of a known field; undefined where the name is not known. */
export function zeroOf(name: string): Value | undefined {
  return zeros.get(name)
}
