/** Lines about images: made of containers, looked at, and taken away. */
import type { Line } from './line.ts'

const commits: Line[] = [
  {
    name: 'commit, with what it says, and run of what was made',
    run: `docker run --name cc busybox sh -c 'echo made >/made; rm /etc/group' >/dev/null
      id=$(docker commit -a 'A. Author' -m 'a message' -c 'CMD ["cat","/made"]' -c 'ENV A="b c" D=e' -c 'EXPOSE 80/udp 81' cc made/of:cc)
      test "$id" = "$(docker inspect -f '{{.Id}}' made/of:cc)" && echo its id
      docker run --rm made/of:cc; docker run --rm made/of:cc ls /etc/group
      docker inspect -f '{{.Author}}|{{.Comment}}|{{json .Config.Env}}|{{json .Config.ExposedPorts}}' made/of:cc
      docker commit cc >/dev/null; docker images -f dangling=true --format '{{.Repository}} {{.Tag}}'
      docker image prune -f | grep -c ^deleted; docker rmi made/of:cc | head -1`,
    stdout:
      /^its id\nmade\nA\. Author\|a message\|\[.*"A=b c","D=e"\]\|\{"80\/udp":\{\},"81\/tcp":\{\}\}\n<none> <none>\n1\nUntagged: made\/of:cc\n$/,
  },
  {
    name: 'commit of what is not there, or to what is no name',
    run: `docker commit nosuch; docker create --name cc busybox >/dev/null
      docker commit cc UPPER; docker commit cc x@sha256:${'0'.repeat(64)}; docker commit -c 'RUN x' cc`,
    status: 1,
  },
]

const histories: Line[] = [
  {
    name: 'history: as a table, quiet, without human words, in full, by a template',
    run: `docker run --name hh busybox sh -c 'dd if=/dev/zero of=/zeros bs=1000 count=1500 2>/dev/null; : a long command that is cut' >/dev/null
      docker commit -m 'why it was' hh hist >/dev/null
      docker history hist | sed 's/^[0-9a-f]* //;s/ *$//'; docker history -q hist | wc -l
      docker history -H=false hist | awk 'NR==2{print $2 ~ /^20..-/}'; docker history --no-trunc hist | awk 'NR==2' | grep -c sha256:
      docker history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' hist; docker history --format json hist | wc -l
      docker rmi hist >/dev/null 2>&1 || docker rmi -f hist >/dev/null; docker history nosuch`,
    status: 1,
  },
]

const lists: Line[] = [
  {
    name: 'images: as a tree, with digests, all, by filters',
    run: `docker tag busybox tree/a:long-name; docker tag busybox b
      docker images --tree busybox; docker images --tree | wc -l
      docker images --digests b | awk '{print $1, $2, $3}'; docker images -aq | sort -u | wc -l
      docker images -f reference='tree/*' -q | wc -l; docker rmi tree/a:long-name b`,
    stdout: /Untagged/,
  },
  {
    name: 'images: filters that are none, and what does not go with a tree',
    run: `docker images -f before=nosuch; docker images -f dangling=x
      docker images --tree -q; docker images --tree --no-trunc; docker images --tree --digests; docker images --tree --format x`,
    status: 1,
  },
  {
    name: 'images made of others: which can go, and what goes with them',
    run: `docker run --name pp busybox touch /p >/dev/null; docker commit pp parent >/dev/null
      docker run --name ch parent touch /c >/dev/null; docker commit ch child >/dev/null; docker rm pp ch >/dev/null
      docker rmi parent; docker rmi $(docker inspect -f '{{.Parent}}' child) 2>&1 | sed 's/delete [0-9a-f]*/delete ID/'
      docker images -a --format '{{.Repository}}' | sort; docker rmi child | cut -d: -f1`,
    stdout: `Untagged: parent:latest
Error response from daemon: conflict: unable to delete ID (cannot be forced) - image has dependent child images
<none>
busybox
child
Untagged
Deleted
Deleted
Deleted
Deleted
`,
  },
]

export const imageLines: Line[] = [...commits, ...histories, ...lists]
