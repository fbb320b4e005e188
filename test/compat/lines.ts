/** The table of lines a user types. */
import type { Line } from './line.ts'
import { everyday } from './lines-everyday.ts'
import { imageLines } from './lines-images.ts'
import { networkLines } from './lines-networks.ts'
import { verbs } from './lines-verbs.ts'

const running: Line[] = [
  { name: 'run --rm', run: 'docker run --rm busybox echo hi; docker ps -aq', stdout: 'hi\n' },
  {
    name: 'both streams and the exit code',
    run: `docker run --rm busybox sh -c 'echo out; echo err >&2; exit 3'`,
    status: 3,
    stdout: 'out\n',
    stderr: /^err\n$/,
  },
  {
    name: '125: unknown flag',
    run: 'docker run --no-such-flag busybox true',
    status: 125,
    stdout: '',
    stderr: /unknown flag: --no-such-flag/,
  },
  {
    name: '125: taken name',
    run: 'docker create --name taken busybox; docker run --name taken busybox true',
    status: 125,
    stdout: '<id>\n',
    stderr: /Conflict\. The container name "\/taken" is already in use/,
  },
  {
    name: '126: not executable',
    run: 'docker run --rm busybox /etc/passwd',
    status: 126,
    stdout: '',
    stderr: /permission denied/,
  },
  {
    name: '127: no such program',
    run: 'docker run --rm busybox no-such-program',
    status: 127,
    stdout: '',
    stderr: /executable file not found in \$PATH/,
  },
  {
    name: '137: killed while attached',
    run: `docker run --name kk busybox sleep 60 & running kk; docker kill kk; wait $!`,
    status: 137,
    stdout: 'kk\n',
  },
  {
    name: '-e, -w, -u, --hostname, --entrypoint, -l',
    run: `docker run --rm -e A=1 -e HOME_OF_TEST -w /var -u daemon --hostname box --entrypoint sh \\
      busybox -c 'echo $A $HOME_OF_TEST $(pwd) $(id -un) $(hostname)'
      docker create --name ll -l color=red -l empty busybox >/dev/null
      docker inspect -f '{{json .Config.Labels}}' ll`,
    stdout: '1 here /var daemon box\n{"color":"red","empty":""}\n',
  },
  {
    name: '--env-file',
    run: `docker run --rm --env-file $HOST/env busybox sh -c 'echo "$A|$B|$HOME_OF_TEST"'`,
    stdout: '1|two words|here\n',
  },
  {
    name: '--cidfile, refused when it exists',
    run: `rm -f $HOST/cid; docker create --name cc --cidfile $HOST/cid busybox
      [ "$(cat $HOST/cid)" = "$(docker inspect -f '{{.Id}}' cc)" ] && echo same
      docker create --cidfile $HOST/cid busybox`,
    status: 1,
    stdout: '<id>\nsame\n',
    stderr: /container ID file found/i,
  },
  {
    name: '-v with a named volume keeps data',
    run: `docker run --rm -v data:/data busybox sh -c 'echo kept > /data/f'
      docker run --rm -v data:/data:ro busybox sh -c 'cat /data/f; touch /data/x || echo read-only'`,
    stdout: 'kept\nread-only\n',
  },
  {
    name: '-v with a host directory, read-only',
    run: `docker run --rm -v $HOST:/c:ro busybox sh -c 'cat /c/file; touch /c/x || echo read-only'`,
    stdout: 'from the host\nread-only\n',
  },
  {
    name: '--mount',
    run: `docker run --rm --mount type=bind,src=$HOST,dst=/b,readonly \\
      --mount type=volume,source=mm,target=/m --mount type=tmpfs,target=/t,tmpfs-size=1m busybox \\
      sh -c 'cat /b/file; grep -c " /m " /proc/mounts; grep " /t " /proc/mounts | grep -o size=1024k'`,
    stdout: 'from the host\n1\nsize=1024k\n',
  },
  {
    name: '--mount of a missing host path',
    run: 'docker run --rm --mount type=bind,src=/no/such/path,dst=/b busybox true',
    status: 125,
    stderr: /bind source path does not exist: \/no\/such\/path/,
  },
  {
    name: '--tmpfs',
    run: `docker run --rm --tmpfs /t:size=2m,mode=700 busybox \\
      sh -c 'grep " /t " /proc/mounts | grep -o size=2048k; stat -c %a /t'`,
    stdout: 'size=2048k\n700\n',
  },
  {
    name: '-i passes stdin and ends with it',
    run: 'docker run -i --rm busybox sh -c "cat; echo done"',
    input: 'one\ntwo\n',
    stdout: 'one\ntwo\ndone\n',
  },
  {
    name: 'without -i stdin is empty',
    run: 'docker run --rm busybox cat',
    input: 'unseen\n',
    stdout: '',
  },
]

const looking: Line[] = [
  {
    name: 'ps: columns',
    run: `docker run -d --name up busybox sleep 60; docker create --name made busybox echo 'a b'
      docker ps; docker ps -a; docker ps -a --no-trunc`,
    stdout: /^<id>\n<id>\nCONTAINER ID  IMAGE  COMMAND  CREATED  STATUS  PORTS  NAMES\n<short>/,
  },
  {
    name: 'ps: -q, -l, -n, --format',
    run: `docker create --name one busybox >/dev/null; docker create --name two -l k=v busybox >/dev/null
      docker ps -q; docker ps -aq; docker ps -l --format '{{.Names}}'; docker ps -n 5 --format '{{.Names}} {{.Label "k"}}'
      docker ps -a --format 'table {{.Names}}\\t{{.Image}}\\t{{.Command}}\\t{{.Status}}\\t{{.Labels}}'
      docker ps -a --format json | grep -o '"Names":"[a-z]*"'`,
    stdout: /^<short>\n<short>\ntwo\ntwo v\none\s*\nNAMES  IMAGE  COMMAND  STATUS  LABELS\n/,
  },
  {
    name: 'ps: filters',
    run: `docker create --name one -l k=v busybox >/dev/null; docker run --name two busybox sh -c 'exit 4'
      list() { docker ps -a --format '{{.Names}}' "$@" | xargs echo; }
      list -f name=one; list -f label=k=v; list -f status=created; list -f status=exited
      list -f exited=4; list -f exited=0; list -f ancestor=busybox; list -f before=two
      list -f since=one; list -f id=$(docker inspect -f '{{.Id}}' two); list -f volume=none`,
    stdout: 'one\none\none\ntwo\ntwo\n\ntwo one\none\ntwo\ntwo\n\n',
  },
  {
    name: 'ps: unknown filter',
    run: 'docker ps --filter nonsense=1',
    status: 1,
    stderr: /invalid filter 'nonsense'/,
  },
  {
    name: 'inspect',
    run: `docker create --name ii -e A=1 busybox echo hi >/dev/null
      docker inspect -f '{{.Name}} {{.Config.Cmd}} {{json .Config.Cmd}} {{index .Config.Env 0}} {{.State.Status}} {{len .Mounts}}' ii
      docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' ii | head -1
      docker inspect ii | grep -c '"Id": '; docker inspect --type image -f '{{.Os}}' busybox
      docker inspect no-such`,
    status: 1,
    stdout: '/ii [echo hi] ["echo","hi"] A=1 created 0\nA=1\n1\nlinux\n[]\n',
    stderr: /no such object: no-such/i,
  },
  {
    name: 'inspect: whole parts',
    run: `docker create --name ii -m 64m -p 81:80 -v vv:/v busybox >/dev/null
      for part in State Config HostConfig Mounts NetworkSettings.Networks NetworkSettings.Ports
      do docker inspect -f "{{json .$part}}" ii; done | sed 's/"OnBuild":null,//'`,
    stdout: /"Memory":67108864/,
  },
  {
    name: 'top',
    run: `docker run -d --name tt busybox sleep 61 >/dev/null
      docker top tt | head -1; docker top tt -o pid,args | sed 's/[0-9]* //' | tail -1`,
    stdout: /^UID\s+PID\s+PPID\s+C\s+STIME\s+TTY\s+TIME\s+CMD\n *sleep 61\n$/,
  },
  {
    name: 'info and version',
    run: `docker info -f '{{.Containers}} {{.Images}} {{.OSType}} {{.Driver}}'
      docker version -f '{{.Server.Os}} {{.Server.APIVersion}}'`,
    stdout: /^0 1 linux overlay\S*\nlinux 1\.\d+\n$/,
  },
  {
    name: 'events between two times',
    run: `since=$(date +%s); docker run --name ee -l k=v busybox true; docker rm ee >/dev/null
      until=$(($(date +%s)+1))
      docker events --since $since --until $until --filter container=ee --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
      docker events --since $since --until $until -f container=ee -f event=die | grep -o 'container die .*'`,
    stdout:
      /^container create ee\ncontainer attach ee\ncontainer start ee\ncontainer die ee\ncontainer destroy ee\ncontainer die <id> \(.*exitCode=0, image=busybox, k=v, name=ee\)\n$/,
  },
]

const output: Line[] = [
  {
    name: 'logs',
    run: `docker run --name ll busybox sh -c 'echo 1; echo 2; echo 3; echo bad >&2' >/dev/null 2>&1
      docker logs ll; docker logs --tail 2 ll; docker logs -n 1 ll 2>&1; docker logs -t ll`,
    stdout: /^1\n2\n3\n(2\n)?3\n(3|bad)\n<time> 1\n<time> 2\n<time> 3\n$/,
    sameErrors: false,
  },
  {
    name: 'logs -f until the end',
    run: `docker run -d --name ff busybox sh -c 'for i in 1 2 3; do echo $i; sleep 0.1; done' >/dev/null
      docker logs -f ff; docker logs -f --since 1h ff`,
    stdout: '1\n2\n3\n1\n2\n3\n',
  },
  {
    name: 'logs of no container',
    run: 'docker logs no-such',
    status: 1,
    stderr: /No such container: no-such/,
  },
]

const executing: Line[] = [
  {
    name: 'exec: output, exit code, -e, -w, -u',
    run: `docker run -d --name xx busybox sleep 60 >/dev/null
      docker exec xx echo hi; docker exec -e A=b -w /tmp -u 1:50 xx sh -c 'echo $A $(pwd) $(id -u):$(id -g)'
      docker exec xx sh -c 'echo bad >&2; exit 7'`,
    status: 7,
    stdout: 'hi\nb /tmp 1:50\n',
    stderr: /^bad\n$/,
  },
  {
    name: 'exec -i',
    run: `docker run -d --name xx busybox sleep 60 >/dev/null; docker exec -i xx sh -c 'cat; echo end'`,
    input: 'through\n',
    stdout: 'through\nend\n',
  },
  {
    name: 'exec -d',
    run: `docker run -d --name xx busybox sleep 60 >/dev/null; docker exec -d xx touch /tmp/made
      until docker exec xx test -e /tmp/made; do :; done; echo made`,
    stdout: 'made\n',
  },
  {
    name: 'exec: no such program',
    run: `docker run -d --name xx busybox sleep 60 >/dev/null; docker exec xx no-such-program`,
    status: 127,
    stdout: /exec: "no-such-program": executable file not found in \$PATH/,
  },
  {
    name: 'exec in a stopped container',
    run: 'docker create --name xx busybox >/dev/null; docker exec xx true',
    status: 1,
    stderr: /is not running/,
  },
]

const living: Line[] = [
  {
    name: 'stop, start, restart',
    run: `docker run -d --name ss busybox sh -c 'trap "exit 5" TERM; while :; do sleep 0.05; done' >/dev/null
      docker stop ss; docker wait ss; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' ss
      docker start ss; docker restart -t 5 ss; docker inspect -f '{{.State.Status}}' ss; docker stop -t 3 ss`,
    stdout: 'ss\n5\nexited 5\nss\nss\nrunning\nss\n',
  },
  {
    name: 'start -a and its exit code',
    run: `docker create --name aa busybox sh -c 'echo again; exit 9' >/dev/null; docker start -a aa`,
    status: 9,
    stdout: 'again\n',
  },
  {
    name: 'start -ai passes stdin',
    run: `docker create -i --name aa busybox cat >/dev/null; docker start -ai aa`,
    input: 'in and out\n',
    stdout: 'in and out\n',
  },
  {
    name: 'kill -s',
    run: `docker run -d --name kk busybox sh -c 'trap "echo usr1; exit 0" USR1; echo up; while :; do sleep 0.05; done' >/dev/null
      until docker logs kk | grep -q up; do :; done
      docker kill -s USR1 kk; docker wait kk; docker logs kk; docker kill kk`,
    status: 1,
    stdout: 'kk\n0\nup\nusr1\n',
    stderr: /is not running/,
  },
  {
    name: 'wait for several',
    run: `docker run -d --name aa busybox sh -c 'exit 1' >/dev/null; docker run -d --name bb busybox sh -c 'exit 2' >/dev/null
      docker wait aa bb`,
    stdout: '1\n2\n',
  },
  {
    name: 'rename',
    run: `docker create --name old busybox >/dev/null; docker create --name other busybox >/dev/null
      docker rename old new; docker ps -a --format '{{.Names}}'; docker rename new other`,
    status: 1,
    stdout: 'other\nnew\n',
    stderr: /already in use/,
  },
  {
    name: 'rm: running refused, -f, several, missing',
    run: `docker run -d --name rr busybox sleep 60 >/dev/null; docker create --name qq busybox >/dev/null
      docker rm rr; docker rm -f rr qq; docker ps -aq; docker rm -f none; docker rm none`,
    status: 1,
    stdout: 'rr\nqq\n',
    stderr: /container is running/,
  },
  {
    name: 'attach to a running container',
    run: `docker create -i --name at busybox cat >/dev/null; docker start at; echo typed | docker attach at`,
    stdout: 'at\ntyped\n',
  },
]

const images: Line[] = [
  {
    name: 'images, tag, rmi',
    run: `docker tag busybox:latest local/box:1; docker images --format '{{.Repository}}:{{.Tag}}' | sort
      docker images | head -1; docker images -q | sort -u; docker images -q --no-trunc local/box
      docker rmi local/box:1; docker images -q local/box; docker rmi local/box:1`,
    status: 1,
    stdout:
      /^busybox:latest\nlocal\/box:1\nREPOSITORY  TAG  IMAGE ID  CREATED  SIZE\n<short>\nsha256:<id>\nUntagged: local\/box:1\n$/,
    stderr: /No such image: local\/box:1/,
  },
  {
    name: 'rmi of an image in use',
    run: 'docker create --name uu busybox >/dev/null; docker rmi busybox',
    status: 1,
    stderr: /conflict: unable to (remove repository reference|delete)/,
  },
  {
    name: 'image inspect',
    run: `docker image inspect -f '{{json .RepoTags}} {{.Architecture}} {{json .Config.Cmd}}' busybox`,
    stdout: /^\["busybox:latest"\] (amd64|arm64) \["sh"\]\n$/,
  },
]

export const lines: readonly Line[] = [
  ...running,
  ...looking,
  ...output,
  ...executing,
  ...living,
  ...images,
  ...imageLines,
  ...verbs,
  ...networkLines,
  ...everyday,
]
