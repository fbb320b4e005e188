/** Lines about the verbs on containers' insides and limits, and on volumes and networks. */
import type { Line } from './line.ts'

const sleeper = (name: string, options = ''): string =>
  `docker run -d --name ${name} ${options} busybox sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done' >/dev/null`

export const verbs: readonly Line[] = [
  {
    name: 'pause, unpause',
    run: `${sleeper('pp')}; docker pause pp; docker inspect -f '{{.State.Status}}' pp; docker ps --format '{{.State}}'
      docker exec pp true; docker pause pp; docker unpause pp; docker inspect -f '{{.State.Paused}}' pp; docker unpause pp nope`,
    status: 1,
    stdout: 'pp\npaused\npaused\npp\nfalse\n',
    stderr: /is paused|is not paused/,
  },
  {
    name: 'port',
    run: `${sleeper('pp', '-p 127.0.0.1::80 -p 127.0.0.1::53/udp --expose 99')}
      (docker port pp; docker port pp 80; docker port pp 53/udp) | sed -E 's/:[0-9]+$/:N/'; docker port pp 99`,
    status: 1,
    stdout: '53/udp -> 127.0.0.1:N\n80/tcp -> 127.0.0.1:N\n127.0.0.1:N\n127.0.0.1:N\n',
    stderr: /Error: No public port '99' published for pp/,
  },
  {
    name: 'volume create, ls, inspect, rm',
    run: `docker volume create --label a=b v2; docker volume create v10; docker volume ls; docker volume ls -q
      docker volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{json .Labels}}' v2 v10
      docker volume ls -f label=a --format '{{.Name}} {{.Labels}}'; docker volume rm v2 v10 nope`,
    status: 1,
    stdout:
      'v2\nv10\nDRIVER  VOLUME NAME\nlocal  v2\nlocal  v10\nv2\nv10\nv2 local local {"a":"b"}\nv10 local local null\nv2 a=b\nv2\nv10\n',
    stderr: /get nope: no such volume/,
  },
  {
    name: 'volume in use, prune',
    run: `docker create --name uu -v data:/d -v /anon busybox >/dev/null; docker volume rm data 2>&1 | sed 's/- .*//'
      docker rm uu >/dev/null; docker volume prune -f; docker volume ls -q; docker volume prune -af`,
    stdout:
      /volume is in use\s+Deleted Volumes:\n<id>\n\nTotal reclaimed space: 0B\ndata\nDeleted Volumes:\ndata\n/,
  },
  {
    name: 'inspect finds volumes and networks',
    run: `docker volume create obj >/dev/null; docker inspect -f '{{.Name}}' obj bridge; docker volume rm obj
      docker inspect --type network -f '{{.Driver}}' bridge; docker inspect --type volume nope`,
    status: 1,
    stdout: 'obj\nbridge\nobj\nbridge\n[]\n',
    stderr: /no such volume/,
  },
  {
    name: 'network ls, inspect',
    run: `docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}'; docker network ls -q | wc -l; docker network ls -f driver=host
      docker network inspect -f '{{.Name}} {{.Internal}}' host none; docker network inspect nope`,
    status: 1,
    stdout:
      /^bridge bridge local\nhost host local\nnone null local\n3\nNETWORK ID  NAME  DRIVER  SCOPE\n<short>  host  host  local\nhost false\nnone false\n\[\]\n$/,
    stderr: /network nope not found/,
  },
  {
    name: 'network rm of what is predefined or missing',
    run: 'docker network rm bridge nope',
    status: 1,
    stderr:
      /bridge is a pre-defined network and cannot be removed[^]*network nope not found[^]*exit status 1/,
  },
  {
    name: 'cp into a container: files, directories, their contents, new names',
    run: `mkdir -p $HOST/tree/sub; echo one > $HOST/tree/one; echo two > $HOST/tree/sub/two; ln -sf one $HOST/tree/link
      ${sleeper('cc')}; docker exec cc mkdir /there
      docker cp $HOST/tree cc:/there; docker cp $HOST/tree/. cc:/flat; docker cp $HOST/tree cc:/renamed
      docker cp $HOST/tree/one cc:/there/; docker cp $HOST/tree/one cc:/there/other; docker cp -L $HOST/tree/link cc:/there
      docker cp $HOST/tree/link cc:/there/kept; docker exec cc sh -c 'cd / && find there flat renamed | sort; cat there/link; readlink there/kept'`,
    stdout: `flat
flat/link
flat/one
flat/sub
flat/sub/two
renamed
renamed/link
renamed/one
renamed/sub
renamed/sub/two
there
there/kept
there/link
there/one
there/other
there/tree
there/tree/link
there/tree/one
there/tree/sub
there/tree/sub/two
one
one
`,
  },
  {
    name: 'cp out of a container: the same, also stopped; owner and mode',
    run: `rm -rf $HOST/out; mkdir $HOST/out; cd $HOST/out
      docker run --name cc busybox sh -c 'mkdir -p /d/e; echo x > /d/f; chown 1000:1000 /d/f; chmod 4711 /d/f; ln -s f /d/l; ln -s /d /dl; ln /d/f /d/h'
      docker cp cc:/d .; docker cp cc:/d/. flat; docker cp cc:/d new; docker cp cc:/d/f file; docker cp cc:/d/l link
      docker cp -L cc:/dl followed; docker cp -L cc:/d/l followed-file; docker cp cc:/dl/. through
      find . | sort; stat -c '%a %u %h' d/f; cat file followed-file; readlink link`,
    stdout: /^\.\n\.\/d\n\.\/d\/e\n[^]*4711 0 2\nx\nx\nf\n$/,
  },
  {
    name: 'cp of tar streams',
    run: `docker create --name cc busybox >/dev/null; cd $HOST; mkdir -p t; echo in > t/f
      tar -cf - t | docker cp - cc:/tmp; docker cp cc:/tmp/t - | tar -tf -; tar -cf - t | docker cp - cc:/etc/passwd`,
    status: 1,
    stdout: 't/\nt/f\n',
    stderr: /destination "cc:\/etc\/passwd" must be a directory/,
  },
  {
    name: 'cp: refusals',
    run: `docker create --name cc busybox >/dev/null; cd $HOST; mkdir -p dir; echo f > plain
      docker cp cc:/nope .; docker cp cc:/etc/passwd no/such; docker cp dir cc:/etc/passwd; docker cp plain cc:/no/such/dir/
      docker cp plain cc:/new/; docker cp nope cc:/; docker cp no/such cc:/; docker cp cc:/a cc:/b; docker cp a b; docker cp nope:/etc .
      docker cp '' cc:/; docker cp plain ''; docker cp cc:/etc plain; docker cp cc:/etc/passwd /dev/null; docker cp plain/ cc:/x; docker cp cc:/bin/sh/ .`,
    status: 1,
    stdout: '',
  },
  {
    name: 'cp -a keeps owners, without it they are root',
    run: `${sleeper('cc')}; cd $HOST; echo f > owned; chown 1234:4321 owned; docker cp owned cc:/plain; docker cp -a owned cc:/kept
      docker exec cc stat -c '%u:%g' /plain /kept; docker cp -q=false owned cc:/loud`,
    stderr: /^Successfully copied 2\.05kB to cc:\/loud\n$/,
  },
  {
    name: 'export',
    run: `docker run --name ee busybox sh -c 'echo x > /made; rm /bin/ls'; docker export ee | tar -tf - | grep -E '^(made|bin/ls|bin/sh|etc/passwd)$' | sort
      docker export -o $HOST/e.tar ee; tar -xOf $HOST/e.tar made; stat -c %a $HOST/e.tar; docker export -o $HOST ee; docker export nope`,
    status: 1,
    stdout: 'bin/sh\netc/passwd\nmade\nx\n600\n',
    stderr: /cannot write to a directory[^]*No such container: nope/,
  },
  {
    name: 'diff',
    run: `docker run --name dd busybox sh -c 'echo x > /made; rm /bin/ls; mkdir /d; echo >> /etc/passwd'; docker diff dd | sort; docker diff nope`,
    status: 1,
    stdout: 'A /d\nA /made\nC /bin\nC /etc\nC /etc/passwd\nD /bin/ls\n',
    stderr: /No such container: nope/,
  },
  {
    name: 'stats --no-stream',
    run: `${sleeper('tt', '-m 64m --pids-limit 50')}; docker create --name idle busybox >/dev/null
      docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | sed 's/ .* / /'; docker stats --no-stream tt | head -1
      docker stats -a --no-stream --format '{{.Name}}' | sort; docker stats --no-stream --no-trunc --format '{{.ID}} {{.Container}}' tt; docker stats --no-stream nope`,
    status: 1,
    stdout:
      'tt 64MiB\nCONTAINER ID  NAME  CPU %  MEM USAGE / LIMIT  MEM %  NET I/O  BLOCK I/O  PIDS\nidle\ntt\n<id> tt\n',
    stderr: /No such container: nope/,
  },
  {
    name: 'system df',
    run: `docker create --name dd -v dv:/d busybox >/dev/null; docker system df; docker system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
      docker system df -v | grep -E 'usage|dv|busybox'; docker system df -v --format '{{range .Volumes}}{{.Name}} {{.Links}}{{end}}'`,
    stdout: /Images  1  1  [^]*Local Volumes 1 1\n[^]*dv 1$/,
  },
  {
    name: 'container prune, system prune',
    run: `docker create --name pp -l keep busybox >/dev/null; docker create --name qq busybox >/dev/null
      docker container prune -f --filter label!=keep; docker ps -a --format '{{.Names}}'; docker system prune -f --volumes`,
    stdout:
      /^Deleted Containers:\n<id>\n\nTotal reclaimed space: 0B\npp\nDeleted Containers:\n<id>\n\nTotal reclaimed space: 0B\n$/,
  },
  {
    name: 'update',
    run: `${sleeper('uu')}; docker update -m 64m --memory-swap 64m --cpus 0.5 --pids-limit 20 --restart on-failure:2 uu
      docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}}' uu
      docker update --restart nonsense uu; docker update uu; docker update -m 1k uu; docker update -m 64m nope`,
    status: 1,
    stdout: 'uu\n67108864 500000000 on-failure\n',
    stderr: /you must provide one or more flags when using this command/,
  },
  {
    name: '--use-api-socket',
    run: `docker create --name ss --use-api-socket busybox >/dev/null
      docker inspect -f '{{range .HostConfig.Mounts}}{{.Type}} {{.Target}}{{end}} {{len .Config.Env}}' ss
      docker run --rm --use-api-socket busybox sh -c 'test -S /var/run/docker.sock && echo there'`,
    stdout: /^bind \/var\/run\/docker\.sock \d\nthere\n$/,
  },
  {
    name: 'plugin ls',
    run: 'docker plugin ls; docker plugin ls -q',
    stdout: 'ID  NAME  DESCRIPTION  ENABLED\n',
  },
  {
    name: 'a wrong number of arguments',
    run: 'docker port; docker pause; docker commit a b c; docker cp a',
    status: 1,
    stderr: /requires at least 1 and at most 2 arguments/,
  },
  {
    name: 'questions answered with no, and by the end of stdin',
    run: `echo n | docker container prune; echo "= $?"; docker system prune </dev/null; echo "= $?"
      echo no | docker volume prune --filter label=x; docker network prune </dev/null; docker image prune -a </dev/null`,
    stdout: /Are you sure you want to continue\? \[y\/N\] = 0\n/,
  },
]
