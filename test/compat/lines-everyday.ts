/** Lines of every day: the flags that people give to run, and how they then look at what runs. */
import type { Line } from './line.ts'

const limits: Line[] = [
  {
    name: '-m, --memory-swap, --cpus, --cpu-shares, --cpuset-cpus, --pids-limit',
    run: `docker run -d --name mm -m 64m --memory-swap 128m --cpus 1.5 -c 512 --cpuset-cpus 0 --pids-limit 40 busybox sleep 60 >/dev/null
      docker inspect -f '{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.NanoCpus}} {{.CpuShares}} {{.CpusetCpus}} {{.PidsLimit}}{{end}}' mm
      docker exec mm nproc; docker stats --no-stream --format '{{.Name}} {{.PIDs}}' mm`,
    stdout: '67108864 134217728 1500000000 512 0 40\n1\nmm 1\n',
  },
  {
    name: '--ulimit, --shm-size, --sysctl, --oom-score-adj',
    run: `docker run --rm --ulimit nofile=100:200 --ulimit core=0 --shm-size 8m --sysctl net.ipv4.ip_default_ttl=60 --oom-score-adj 300 \\
      busybox sh -c 'ulimit -n; ulimit -Hn; ulimit -c; df -k /dev/shm | awk "NR==2{print \\$2}"; cat /proc/sys/net/ipv4/ip_default_ttl /proc/self/oom_score_adj'
      docker run --rm --ulimit nofile=2:1 busybox true; docker run --rm --sysctl kernel.hostname=x busybox true`,
    status: 125,
    stdout: '100\n200\n0\n8192\n60\n300\n',
  },
  {
    name: '--cap-add, --cap-drop, --privileged, --security-opt',
    run: `caps() { docker run --rm "$@" busybox awk '/CapEff|NoNewPrivs/{print $2}' /proc/self/status; }
      caps; caps --cap-drop ALL; caps --cap-drop ALL --cap-add NET_BIND_SERVICE; caps --security-opt no-new-privileges
      docker run --rm --privileged busybox awk '/Seccomp:/{print $2}' /proc/self/status
      docker run --rm --cap-add NONSENSE busybox true`,
    status: 125,
    stdout: `00000000a80425fb\n0\n0000000000000000\n0\n0000000000000400\n0\n00000000a80425fb\n1\n0\n`,
    stderr: /NONSENSE/,
  },
  {
    name: '--read-only with --tmpfs, --init, --device',
    run: `docker run --rm --read-only --tmpfs /tmp busybox sh -c 'touch /x; touch /tmp/x && echo kept in /tmp'
      docker run --rm --init busybox sh -c 'test $$ != 1 && echo not the first'
      docker run --rm --device /dev/zero:/dev/nought:r busybox head -c 3 /dev/nought | wc -c | tr -d ' '`,
    stdout: 'kept in /tmp\nnot the first\n3\n',
  },
  {
    name: '-u in its spellings, --group-add',
    run: `id() { docker run --rm "$@" busybox sh -c 'echo $(id -u) $(id -g) $(id -G)'; }
      id -u daemon; id -u 1000; id -u nobody:staff; id --group-add staff --group-add 777; id -u nosuchuser`,
    status: 125,
    stdout: '1 1 1 50\n1000 0 0\n65534 50 50\n0 0 0 50 777\n',
    stderr: /unable to find user nosuchuser: no matching entries in passwd file/,
  },
]

const surroundings: Line[] = [
  {
    name: '--network none, host, container:',
    run: `docker run --rm --network none busybox ls /sys/class/net
      test $(docker run --rm --network host busybox readlink /proc/self/ns/net) = $(readlink /proc/self/ns/net) && echo the host
      docker run -d --name nn --hostname nn busybox sleep 60 >/dev/null
      docker run --rm --network container:nn busybox sh -c 'hostname; test -n "$(ip -4 -o addr show eth0)" && echo its address'
      docker run --rm --network nosuchnet busybox true`,
    status: 125,
    stdout: 'lo\nthe host\nnn\nits address\n',
    stderr: /network nosuchnet not found/,
  },
  {
    name: '--add-host, --dns, --dns-search, --hostname, --domainname, --mac-address',
    run: `docker run --rm --add-host db:192.0.2.9 --dns 192.0.2.53 --dns-search example.org --hostname h --domainname d.test --mac-address 02:42:00:00:00:09 busybox \\
      sh -c 'awk "/db/{print \\$1}" /etc/hosts; grep -v -e "^#" -e "^$" /etc/resolv.conf; hostname -f; cat /sys/class/net/eth0/address'`,
    stdout: '192.0.2.9\nnameserver 192.0.2.53\nsearch example.org\nh.d.test\n02:42:00:00:00:09\n',
  },
  {
    name: '--pid, --ipc, --uts of the host and of another',
    run: `same() { docker run --rm --$1 host busybox readlink /proc/self/ns/$1 | grep -qxF "$(readlink /proc/self/ns/$1)" && echo $1; }
      same pid; same ipc; same uts
      docker run -d --name first --ipc shareable busybox sleep 60 >/dev/null
      docker run --rm --pid container:first busybox ps | grep -c 'sleep 60'
      docker run --rm --ipc container:first busybox readlink /proc/self/ns/ipc | grep -qxF "$(docker exec first readlink /proc/self/ns/ipc)" && echo ipc of first`,
    stdout: 'pid\nipc\nuts\n1\nipc of first\n',
  },
  {
    name: '-P, --expose, -p in its spellings',
    run: `docker run -d --name pp --expose 81 --expose 82/udp -P busybox sleep 60 >/dev/null
      docker port pp 81 | head -1 | sed 's/:[0-9]*$//'; docker inspect -f '{{json .Config.ExposedPorts}}' pp
      docker create --name qq -p 127.0.0.1::80 -p 8080-8081:90-91/udp busybox >/dev/null
      docker inspect -f '{{json .HostConfig.PortBindings}}' qq; docker create -p nonsense busybox`,
    status: 125,
    stdout:
      /^0\.0\.0\.0\n\{"81\/tcp":\{\},"82\/udp":\{\}\}\n\{"80\/tcp":\[\{"HostIp":"127\.0\.0\.1","HostPort":""\}\],"90\/udp"/,
  },
  {
    name: '--volumes-from, -v without a source, rm -v',
    run: `docker run --name data -v /d -v named:/n busybox sh -c 'echo one >/d/f; echo two >/n/f'
      docker run --rm --volumes-from data:ro busybox sh -c 'cat /d/f /n/f; touch /d/x'
      docker volume ls -q | wc -l | tr -d ' '; docker rm -v data; docker volume ls -q`,
    stdout: 'one\ntwo\n2\ndata\nnamed\n',
  },
]

const lives: Line[] = [
  {
    name: '--restart on-failure',
    run: `docker run -d --name rr --restart on-failure:2 busybox sh -c 'echo tried; exit 3' >/dev/null
      until [ "$(docker inspect -f '{{.RestartCount}} {{.State.Status}}' rr)" = '2 exited' ]; do sleep 0.1; done
      docker logs rr; docker wait rr; docker ps -a --filter exited=3 --format '{{.Names}}'
      docker run --rm --restart always busybox true`,
    status: 125,
    stdout: 'tried\ntried\ntried\n3\nrr\n',
    stderr: /[Cc]onflicting options: (--restart and --rm|cannot specify both --restart and --rm)/,
  },
  {
    name: '--health-cmd',
    run: `docker run -d --name hh --health-cmd 'test -f /ok' --health-interval 100ms --health-retries 1 busybox sleep 60 >/dev/null
      health() { until [ "$(docker inspect -f '{{.State.Health.Status}}' hh)" = $1 ]; do sleep 0.1; done; docker ps --filter health=$1 --format '{{.Names}} {{.State}}'; }
      health unhealthy; docker exec hh touch /ok; health healthy
      docker run --rm --no-healthcheck --health-cmd true busybox true`,
    status: 125,
    stdout: 'hh running\nhh running\n',
    stderr: /--no-healthcheck conflicts with --health-\* options/,
  },
  {
    name: '--stop-signal, --stop-timeout, stop -s and -t',
    run: `loop='trap "echo int; exit 5" INT; trap "echo term; exit 6" TERM; echo up; while :; do sleep 0.05; done'
      up() { until docker logs $1 2>&1 | grep -q up; do sleep 0.05; done; }
      docker run -d --name s1 --stop-signal INT busybox sh -c "$loop" >/dev/null; up s1; docker stop s1; docker wait s1
      docker run -d --name s2 busybox sh -c "$loop" >/dev/null; up s2; docker stop -s INT s2; docker wait s2
      docker run -d --name s3 --stop-timeout 0 busybox sleep 60 >/dev/null; docker stop s3; docker wait s3; docker logs s1; docker logs s2`,
    stdout: 's1\n5\ns2\n5\ns3\n137\nup\nint\nup\nint\n',
  },
  {
    name: 'logs: --tail, -t, --since, --until, --details, -n 0',
    run: `docker run --name ll --log-opt tag=x --log-opt labels=of -l of=mine busybox sh -c 'echo 1; echo 2; echo 3 >&2' >/dev/null 2>&1
      docker logs --tail 2 ll; docker logs -n 0 ll; docker logs --tail all ll 2>/dev/null; docker logs -t -n 1 ll 2>&1 | cut -c 1-2
      docker logs --since 1h ll 2>&1 | wc -l | tr -d ' '; docker logs --until 1h ll 2>&1 | wc -l | tr -d ' '; docker logs --details -n 1 ll 2>&1; docker logs --tail nonsense ll 2>&1 | wc -l | tr -d ' '`,
    stdout: '2\n1\n2\n20\n3\n0\nof=mine,tag=x 3\n3\n',
  },
  {
    name: '--log-driver none and local',
    run: `docker run --name none --log-driver none busybox echo shown; docker run --name loc --log-driver local busybox echo kept
      docker logs loc; docker inspect -f '{{.HostConfig.LogConfig.Type}}' loc; docker logs none`,
    status: 1,
    stdout: 'shown\nkept\nkept\nlocal\n',
    stderr: /configured logging driver does not support reading/,
  },
  {
    name: 'events: filters and formats',
    run: `id=$(docker create --rm -l of=ev busybox true); docker start -a $id; sleep 1.1
      docker events --since 30s --until 0s --filter container=$id --format '{{.Action}}'
      docker events --since 30s --until 0s --filter event=die --filter label=of=ev --filter container=$id --format '{{.Actor.Attributes.exitCode}}'
      docker events --since 30s --until 0s --filter type=nonsense`,
    stdout: 'create\nattach\nstart\ndie\ndestroy\n0\n',
  },
]

const looks: Line[] = [
  {
    name: 'ps: ancestor, volume, network, before, since, publish, table',
    run: `docker create --name one -v vv:/v -p 7777:80 busybox >/dev/null; docker create --name two --network none busybox >/dev/null
      names() { docker ps -a --format '{{.Names}}' "$@" | sort | tr '\\n' ' '; echo; }
      names --filter ancestor=busybox; names --filter volume=vv; names --filter network=none; names --filter before=two; names --filter since=one
      names --filter publish=7777; names --filter name='^t'; names --filter label=x
      docker ps -a --no-trunc --format 'table {{.Names}}\\t{{.Image}}\\t{{.Command}}\\t{{.Networks}}\\t{{.Mounts}}\\t{{.Status}}'`,
    stdout:
      'one two \none \ntwo \none \ntwo \n\ntwo \n\nNAMES  IMAGE  COMMAND  NETWORKS  MOUNTS  STATUS\ntwo  busybox  "sh"  none  Created\none  busybox  "sh"  bridge  vv  Created\n',
  },
  {
    name: 'inspect: functions of templates',
    run: `docker create --name tt -e A=1 -l a.b=c busybox echo x y >/dev/null
      docker inspect -f '{{.Name}} {{join .Config.Cmd "-"}} {{index .Config.Labels "a.b"}} {{upper .State.Status}} {{len .Mounts}}' tt
      docker inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{end}} {{if .State.Running}}up{{else}}down{{end}} {{printf "%.3s" .Id | len}}' tt
      docker inspect -f '{{split .Name "/" | json}} {{title "word"}} {{pad "x" 1 1}}|{{truncate "abcdef" 3}}' tt
      docker inspect --type image tt`,
    status: 1,
    stdout: '/tt echo-x-y c CREATED 0\na.b=c down 3\n["","tt"] Word  x |abc\n[]\n',
  },
  {
    name: 'the long names: container run, ls, exec, logs, stop, rm; image ls',
    run: `docker container run -d --name long busybox sh -c 'echo up; sleep 60' >/dev/null; docker container ls --format '{{.Names}}'
      docker container exec long echo in; docker container logs long; docker container kill long; docker container wait long
      docker container rename long longer; docker container inspect -f '{{.Name}}' longer; docker container rm longer; docker container list -aq
      docker image ls --format '{{.Repository}}:{{.Tag}}'; docker image tag busybox other:1; docker image rm other:1`,
    stdout: 'long\nin\nup\nlong\n137\n/longer\nlonger\nbusybox:latest\nUntagged: other:1\n',
  },
  {
    name: '--pull never and missing; --quiet; --platform',
    run: `docker run --rm --pull never busybox echo here; docker run --rm --platform linux/amd64 busybox echo there
      docker create --name kk --pull missing -q busybox; docker run --rm --pull never nosuchimage true`,
    status: 125,
    stdout: 'here\nthere\n<id>\n',
    stderr: /No such image: nosuchimage:latest/,
  },
  {
    name: 'exec: --privileged, --env-file, -u number, of a paused one',
    run: `docker run -d --name xx busybox sleep 60 >/dev/null
      docker exec --env-file $HOST/env xx sh -c 'echo $A'; docker exec -u 5:6 xx id -G; docker exec --privileged xx awk '/Seccomp:/{print $2}' /proc/self/status
      docker exec xx sh -c 'kill -9 $$'; echo $?; docker pause xx >/dev/null; docker exec xx true; echo $?; docker unpause xx >/dev/null; docker exec -w /nosuch xx pwd`,
    status: 127,
    stdout: /^1\n6\n\d\n137\n1\n/,
  },
  {
    name: 'a container made of what another wrote: export, import',
    run: `docker run --name src busybox sh -c 'echo made >/made'; docker export src | docker import -c 'CMD ["cat","/made"]' -m note - made:1 >/dev/null
      docker run --rm made:1; docker rmi -f made:1 | head -1`,
    stdout: 'made\nUntagged: made:1\n',
  },
]

export const everyday: readonly Line[] = [...limits, ...surroundings, ...lives, ...looks]
