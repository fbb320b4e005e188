/** Lines about networks of users: every flag of `network create` and `connect`. */
import type { Line } from './line.ts'

const sleeper = (name: string, options = ''): string =>
  `docker run -d --name ${name} ${options} busybox sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done' >/dev/null`

export const networkLines: readonly Line[] = [
  {
    name: 'network create with every flag, inspect, rm',
    run: `docker network create -d bridge --attachable --internal --ipv6 --ipv4=true --label a=b --scope local \
        --subnet 10.140.0.0/24 --ip-range 10.140.0.128/25 --gateway 10.140.0.9 --aux-address printer=10.140.0.130 \
        --subnet fd00:140::/64 --ipam-driver default --ipam-opt x=y -o com.docker.network.driver.mtu=1300 full >/dev/null
      docker network inspect -f '{{.Driver}} {{.Attachable}} {{.Internal}} {{.EnableIPv6}} {{json .IPAM}} {{json .Options}} {{json .Labels}}' full
      docker network create --config-only --subnet 10.141.0.0/24 template >/dev/null
      docker network create --config-from template made >/dev/null
      docker network ls --filter type=custom --format '{{.Name}} {{.Driver}} {{.Internal}} {{.IPv6}} {{.Labels}}' | sort
      docker network rm made template full`,
    stdout:
      /^bridge true true true \{"Driver":"default","Options":\{"x":"y"\}[^]*made\ntemplate\nfull\n$/,
  },
  {
    name: 'network connect with every flag, disconnect',
    run: `docker network create --ipv6 --subnet 10.142.0.0/24 --subnet fd00:142::/64 cn >/dev/null; ${sleeper('cc')}
      docker network connect --alias db --alias store --ip 10.142.0.7 --ip6 fd00:142::7 --link cc:self \
        --link-local-ip 169.254.9.9 --driver-opt com.docker.network.endpoint.ifname=db0 --gw-priority 3 cn cc
      docker inspect -f '{{with .NetworkSettings.Networks.cn}}{{.IPAddress}} {{.GlobalIPv6Address}} {{.Aliases}} {{.Links}} {{.GwPriority}}{{end}}' cc
      docker exec cc ip -o address show db0 | grep -c inet; docker exec cc ip route | grep default
      docker network disconnect cn cc; docker network disconnect -f cn cc; docker network rm cn nope`,
    status: 1,
    stdout:
      '10.142.0.7 fd00:142::7 [db store] [cc:self] 3\n4\ndefault via 10.142.0.1 dev db0 \ncn\n',
    stderr: /is not connected to network cn[^]*network nope not found/,
  },
  {
    name: 'network create refused, in use, prune',
    run: `docker network create --subnet 10.143.0.0/24 pp; docker network create pp; docker network create --subnet 10.143.0.5/24 xx
      docker network create -d nosuch xx; ${sleeper('pc', '--network pp --ip 10.143.0.20')}; docker network rm pp
      docker network create --label keep qq >/dev/null; docker network create rr >/dev/null
      docker network prune -f --filter label!=keep; docker network ls -qf name=qq | wc -l; docker network rm qq; docker rm -f pc; docker network rm pp`,
    stdout: /^<id>\nDeleted Networks:\nrr\n\n1\nqq\npc\npp\n$/,
    stderr:
      /network with name pp already exists[^]*invalid subnet 10\.143\.0\.5\/24: it should be 10\.143\.0\.0\/24[^]*network pp has active endpoints/,
  },
]
