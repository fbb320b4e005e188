/**
 * Every option of dockerd's: flag, key of daemon.json, kind, and whether this engine acts on it.
 * Flag parser, help page, file reader and their tests are all driven by this table.
 */

/** `list`, `map` and `pools` flags may be repeated; a map's flag takes `key=value`. */
export type Kind =
  'string' | 'int' | 'bool' | 'list' | 'map' | 'bytes' | 'ulimits' | 'pools' | 'any'

export interface Option {
  /** Without the dashes; absent for what only daemon.json knows. */
  readonly flag?: string
  readonly short?: string
  /** Key in daemon.json; the flag's name where nothing is said, false for flags without one. */
  readonly key?: string | false
  readonly kind: Kind
  /** The type word of the help page, where it is not the kind's. */
  readonly word?: string
  /** As the help page shows it. */
  readonly fallback?: string
  readonly help?: string
  /** False: accepted, warned of, without effect. */
  readonly served?: boolean
  readonly hidden?: boolean
}

// prettier-ignore
export const options: readonly Option[] = [
  { flag: 'add-runtime', key: 'runtimes', kind: 'any', word: 'runtime', help: 'Register an additional OCI compatible runtime' },
  { flag: 'allow-direct-routing', kind: 'bool', help: 'Allow remote access to published ports on container IP addresses' },
  { flag: 'authorization-plugin', key: 'authorization-plugins', kind: 'list', help: 'Authorization plugins to load' },
  { flag: 'bip', kind: 'string', served: true, help: 'IPv4 address for the default bridge' },
  { flag: 'bip6', kind: 'string', served: true, help: 'IPv6 address for the default bridge' },
  { flag: 'bridge', short: 'b', kind: 'string', served: true, fallback: 'tdocker0', help: 'Name of the default bridge, made when missing; "none" for no default network' },
  { flag: 'bridge-accept-fwmark', kind: 'string', help: 'In bridge networks, accept packets with this firewall mark/mask' },
  { flag: 'cdi-spec-dir', key: 'cdi-spec-dirs', kind: 'list', help: 'CDI specification directories to use' },
  { flag: 'cgroup-parent', kind: 'string', served: true, fallback: '/tdocker', help: 'Set parent cgroup for all containers' },
  { flag: 'config-file', key: false, kind: 'string', served: true, fallback: '/etc/tdocker/daemon.json', help: 'Daemon configuration file' },
  { flag: 'containerd', kind: 'string', help: 'containerd grpc address' },
  { flag: 'containerd-namespace', kind: 'string', help: 'Containerd namespace to use' },
  { flag: 'containerd-plugins-namespace', key: 'containerd-plugin-namespace', kind: 'string', help: 'Containerd namespace to use for plugins' },
  { flag: 'content-retention', kind: 'string', served: true, fallback: 'auto', help: 'Compressed layers kept for pushes: "keep" all, "drop" them, or "auto": give up the oldest when less than 10 % or 5 GiB is free' },
  { flag: 'cpu-rt-period', kind: 'int', help: 'Limit the CPU real-time period in microseconds for the parent cgroup for all containers' },
  { flag: 'cpu-rt-runtime', kind: 'int', help: 'Limit the CPU real-time runtime in microseconds for the parent cgroup for all containers' },
  { flag: 'cri-containerd', kind: 'bool', help: 'start containerd with cri' },
  { flag: 'data-root', kind: 'string', served: true, fallback: '/var/lib/tdocker', help: 'Root directory of persistent state' },
  { flag: 'debug', short: 'D', kind: 'bool', served: true, help: 'Enable debug mode' },
  { flag: 'default-address-pool', key: 'default-address-pools', kind: 'pools', served: true, word: 'pool-options', help: 'Default address pools for node specific local networks' },
  { flag: 'default-cgroupns-mode', kind: 'string', served: true, help: 'Default mode for containers cgroup namespace ("host" | "private")' },
  { flag: 'default-gateway', kind: 'string', served: true, word: 'ip', help: 'Default gateway IPv4 address for the default bridge network' },
  { flag: 'default-gateway-v6', kind: 'string', served: true, word: 'ip', help: 'Default gateway IPv6 address for the default bridge network' },
  { flag: 'default-ipc-mode', kind: 'string', served: true, help: 'Default mode for containers ipc ("shareable" | "private")' },
  { flag: 'default-network-opt', key: 'default-network-opts', kind: 'any', served: true, word: 'mapmap', help: 'Default network options' },
  { flag: 'default-runtime', kind: 'string', help: 'Default OCI runtime for containers' },
  { flag: 'default-shm-size', kind: 'bytes', served: true, fallback: '64MiB', help: 'Default shm size for containers' },
  { flag: 'default-stop-timeout', kind: 'int', served: true, fallback: '10', help: 'Set the default container stop timeout in seconds (0 to terminate immediately)' },
  { flag: 'default-ulimit', key: 'default-ulimits', kind: 'ulimits', word: 'ulimit', served: true, help: 'Default ulimits for containers' },
  { flag: 'dns', kind: 'list', served: true, help: 'DNS server to use' },
  { flag: 'dns-opt', key: 'dns-opts', kind: 'list', served: true, help: 'DNS options to use' },
  { flag: 'dns-search', kind: 'list', served: true, help: 'DNS search domains to use' },
  { flag: 'exec-opt', key: 'exec-opts', kind: 'list', help: 'Runtime execution options' },
  { flag: 'exec-root', kind: 'string', served: true, help: 'Root directory for execution state files, on tmpfs' },
  { flag: 'experimental', kind: 'bool', served: true, help: 'Enable experimental features' },
  { flag: 'feature', key: 'features', kind: 'any', word: 'map', help: 'Enable feature in the daemon' },
  { flag: 'firewall-backend', kind: 'string', help: 'Firewall backend to use, iptables or nftables' },
  { flag: 'fixed-cidr', kind: 'string', served: true, help: 'IPv4 subnet for the default bridge network' },
  { flag: 'fixed-cidr-v6', kind: 'string', served: true, help: 'IPv6 subnet for the default bridge network' },
  { flag: 'group', short: 'G', kind: 'string', served: true, fallback: 'docker', help: 'Group for the unix socket' },
  { flag: 'help', key: false, kind: 'bool', served: true, help: 'Print usage' },
  { flag: 'host', short: 'H', key: 'hosts', kind: 'list', served: true, help: 'Daemon socket(s) to connect to' },
  { flag: 'host-gateway-ip', key: 'host-gateway-ips', kind: 'list', served: true, help: "IP addresses that the special 'host-gateway' string in --add-host resolves to" },
  { flag: 'http-proxy', kind: 'string', served: true, help: 'HTTP proxy URL to use for outgoing traffic' },
  { flag: 'https-proxy', kind: 'string', served: true, help: 'HTTPS proxy URL to use for outgoing traffic' },
  { flag: 'icc', kind: 'bool', served: true, fallback: 'true', help: 'Enable inter-container communication for the default bridge network' },
  { flag: 'init', kind: 'bool', served: true, help: 'Run an init in the container to forward signals and reap processes' },
  { flag: 'init-path', kind: 'string', served: true, help: 'Path to the docker-init binary' },
  { flag: 'insecure-registry', key: 'insecure-registries', kind: 'list', served: true, help: 'Enable insecure registry communication' },
  { flag: 'ip', kind: 'string', served: true, word: 'ip', help: 'Host IP for port publishing from the default bridge network' },
  { flag: 'ip-forward', kind: 'bool', served: true, fallback: 'true', help: 'Enable IP forwarding in system configuration' },
  { flag: 'ip-forward-no-drop', kind: 'bool', served: true, help: 'Do not set the filter-FORWARD policy to DROP when enabling IP forwarding' },
  { flag: 'ip-masq', kind: 'bool', served: true, fallback: 'true', help: 'Enable IP masquerading for the default bridge network' },
  { flag: 'ip6tables', kind: 'bool', fallback: 'true', help: 'Enable addition of ip6tables rules' },
  { flag: 'iptables', kind: 'bool', fallback: 'true', help: 'Enable addition of iptables rules' },
  { flag: 'ipv6', kind: 'bool', served: true, help: 'Enable IPv6 networking for the default bridge network' },
  { flag: 'label', key: 'labels', kind: 'list', served: true, help: 'Set key=value labels to the daemon' },
  { flag: 'live-restore', kind: 'bool', served: true, fallback: 'true', help: 'Let containers go on when the daemon ends' },
  { flag: 'log-driver', kind: 'string', served: true, fallback: 'json-file', help: 'Default driver for container logs' },
  { flag: 'log-format', kind: 'string', served: true, fallback: 'text', help: 'Set the logging format ("text"|"json")' },
  { flag: 'log-level', short: 'l', kind: 'string', served: true, fallback: 'info', help: 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal")' },
  { flag: 'log-opt', key: 'log-opts', kind: 'map', served: true, help: 'Default log driver options for containers' },
  { flag: 'max-concurrent-downloads', kind: 'int', served: true, fallback: '3', help: 'Set the max concurrent downloads' },
  { flag: 'max-concurrent-uploads', kind: 'int', served: true, fallback: '5', help: 'Set the max concurrent uploads' },
  { flag: 'max-download-attempts', kind: 'int', served: true, fallback: '5', help: 'Set the max download attempts for each pull' },
  { flag: 'metrics-addr', kind: 'string', help: 'Set default address and port to serve the metrics api on' },
  { flag: 'mtu', kind: 'int', served: true, fallback: '1500', help: 'Set the MTU for the default "bridge" network' },
  { flag: 'network-control-plane-mtu', kind: 'int', fallback: '1500', help: 'Network Control plane MTU' },
  { flag: 'network-diagnostic-port', kind: 'int', hidden: true, help: 'TCP port number of the network diagnostic server' },
  { flag: 'nft-table', key: false, kind: 'string', served: true, hidden: true, help: 'Name of the nftables table' },
  { flag: 'no-new-privileges', kind: 'bool', served: true, help: 'Set no-new-privileges by default for new containers' },
  { flag: 'no-proxy', kind: 'string', served: true, help: 'Comma-separated list of hosts or IP addresses for which the proxy is skipped' },
  { flag: 'node-generic-resource', key: 'node-generic-resources', kind: 'list', help: 'Advertise user-defined resource' },
  { flag: 'nri-opts', kind: 'any', word: 'nri-opts', help: 'Node Resource Interface configuration' },
  { flag: 'pidfile', short: 'p', kind: 'string', served: true, fallback: '/run/tdocker.pid', help: 'Path to use for daemon PID file' },
  { flag: 'plugin-root', key: false, kind: 'string', served: true, hidden: true, help: 'Directory below which legacy plugins are looked for' },
  { flag: 'raw-logs', kind: 'bool', help: 'Full timestamps without ANSI coloring' },
  { flag: 'registry-mirror', key: 'registry-mirrors', kind: 'list', served: true, help: 'Preferred registry mirror' },
  { flag: 'rootless', kind: 'bool', help: 'Enable rootless mode; typically used with RootlessKit' },
  { flag: 'seccomp-profile', kind: 'string', served: true, fallback: 'builtin', help: 'Path to seccomp profile. Set to "unconfined" to disable the default seccomp profile' },
  { flag: 'selinux-enabled', kind: 'bool', help: 'Enable selinux support' },
  { flag: 'shutdown-timeout', kind: 'int', served: true, fallback: '15', help: 'Set the default shutdown timeout' },
  { flag: 'storage-driver', short: 's', kind: 'string', help: 'Storage driver to use' },
  { flag: 'storage-opt', key: 'storage-opts', kind: 'list', help: 'Storage driver options' },
  { flag: 'swarm-default-advertise-addr', kind: 'string', help: 'Set default address or interface for swarm advertised address' },
  { flag: 'tls', kind: 'bool', served: true, help: 'Use TLS; implied by --tlsverify' },
  { flag: 'tlscacert', kind: 'string', served: true, help: 'Trust certs signed only by this CA' },
  { flag: 'tlscert', kind: 'string', served: true, help: 'Path to TLS certificate file' },
  { flag: 'tlskey', kind: 'string', served: true, help: 'Path to TLS key file' },
  { flag: 'tlsverify', kind: 'bool', served: true, help: 'Use TLS and verify the remote' },
  { flag: 'userland-proxy', kind: 'bool', served: true, help: 'Use userland proxy for loopback traffic' },
  { flag: 'userland-proxy-path', kind: 'string', help: 'Path to the userland proxy binary' },
  { flag: 'userns-remap', kind: 'string', help: 'User/Group setting for user namespaces' },
  { flag: 'validate', key: false, kind: 'bool', served: true, help: 'Validate daemon configuration and exit' },
  { flag: 'version', short: 'v', key: false, kind: 'bool', served: true, help: 'Print version information and quit' },
  // Only in daemon.json.
  { key: 'allow-nondistributable-artifacts', kind: 'any' },
  { key: 'builder', kind: 'any', served: true },
  { key: 'default-init', kind: 'string' },
  { key: 'deprecated-key-path', kind: 'any' },
  { key: 'host-gateway-ip', kind: 'string', served: true },
  { key: 'min-api-version', kind: 'string', served: true },
  { key: 'resolv-conf', kind: 'string' },
  { key: 'swarm-raft-election-tick', kind: 'int' },
  { key: 'swarm-raft-heartbeat-tick', kind: 'int' },
]

/** The name a setting goes by once it is read: its key, or its flag where it has none. */
export function nameOf(option: Option): string {
  return option.key || option.flag || ''
}
