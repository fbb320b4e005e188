/** Clients that build, each as its users do: the same small web site. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type CommandResult, TestDaemon, hasProgram, until } from '../lib/test-daemon.ts'
import { composers } from './composers.ts'
import { Dockerode, type Stream } from './dockerode.ts'
import { skip as noTestcontainers, testcontainersFor } from './testcontainers.ts'

const DOCKERFILE = `ARG BASE=busybox
FROM $BASE AS page
ARG WHO=nobody
COPY . /ctx
RUN echo $WHO > /who && ls /ctx > /seen
FROM busybox AS web
WORKDIR /www
COPY --from=page /who /
COPY --from=page /who index.html
COPY --from=page /seen seen
EXPOSE 8080
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
FROM busybox AS other
RUN exit 1
`

let daemon: TestDaemon
let directory: string
before(async () => {
  daemon = await TestDaemon.start()
  directory = join(daemon.directory, 'site')
  mkdirSync(directory)
  writeFileSync(join(directory, 'Dockerfile'), DOCKERFILE)
  writeFileSync(join(directory, '.dockerignore'), '*.log\n')
  writeFileSync(join(directory, 'kept.txt'), '')
  writeFileSync(join(directory, 'left.log'), '')
})
after(() => daemon?.[Symbol.asyncDispose]())

/** Of one that succeeds. */
async function ends(result: Promise<CommandResult>): Promise<CommandResult> {
  const ended = await result
  assert.equal(ended.status, 0, `${ended.stdout}${ended.stderr}`)
  return ended
}

async function pageOf(container: string, path = ''): Promise<string> {
  const { body } = await daemon.api.get<{
    NetworkSettings: { Ports: Record<string, Array<{ HostPort: string }>> }
  }>(`/containers/${container}/json`)
  const port = body.NetworkSettings.Ports['8080/tcp']?.[0]?.HostPort
  return await answerOf(`http://127.0.0.1:${port}/${path}`)
}

/** It may have just begun to listen. */
async function answerOf(url: string): Promise<string> {
  let page = ''
  await until(url, async () => {
    page = await fetch(url)
      .then((answer) => answer.text())
      .catch(() => '')
    return page !== ''
  })
  return page
}

suite('docker without buildx', { skip: hasProgram('docker') ? false : 'no docker' }, () => {
  const docker = (...args: string[]): Promise<CommandResult> =>
    daemon.command('env', ['DOCKER_BUILDKIT=0', 'docker', ...args])

  test('build, run, build again', async () => {
    const args = ['build', '-t', 'stock', '--target', 'web', '--build-arg', 'WHO=stock', directory]
    const made = await ends(docker(...args))
    assert.match(made.stdout, /\nSuccessfully tagged stock:latest\n$/)
    const again = await ends(docker(...args))
    assert.equal(again.stdout.match(/ ---> Using cache/g)?.length, 9)
    const { stdout } = await ends(docker('run', '-d', '-P', 'stock'))
    assert.equal(await pageOf(stdout.trim()), 'stock\n')
    assert.equal(await pageOf(stdout.trim(), 'seen'), 'Dockerfile\nkept.txt\n')
    await ends(docker('rm', '-f', stdout.trim()))
  })

  test('the command itself says what failed, with its code', async () => {
    const failed = await docker('build', directory)
    assert.equal(failed.status, 1)
    assert.match(failed.stderr, /The command '\/bin\/sh -c exit 1' returned a non-zero code: 1/)
  })
})

const python = '/usr/bin/python3'
const hasSdk = spawnSync(python, ['-c', 'import docker']).status === 0
test('docker for Python', { skip: hasSdk ? false : 'no python3-docker' }, async () => {
  const program = join(import.meta.dirname, 'build-sdk.py')
  const { stdout } = await ends(daemon.command('timeout', ['100', python, program, directory]))
  assert.match(stdout, /low level\n$/)
})

suite('dockerode', () => {
  const follow = (docker: InstanceType<typeof Dockerode>, stream: Stream): Promise<object[]> =>
    new Promise((resolve, reject) =>
      docker.modem.followProgress(stream, (error, output) =>
        error ? reject(error) : resolve(output),
      ),
    )

  test('files of a directory; progress; errors', async () => {
    const docker = new Dockerode({ socketPath: daemon.socket })
    const source = { context: directory, src: ['Dockerfile', 'kept.txt'] }
    const stream = await docker.buildImage(source, {
      ...{ t: 'ode', target: 'web', buildargs: { WHO: 'ode' } },
    })
    const output = (await follow(docker, stream)) as Array<{
      stream?: string
      aux?: { ID: string }
    }>
    const { Id } = await docker.getImage('ode').inspect()
    assert.equal(output.findLast(({ aux }) => aux)?.aux?.ID, Id)
    // Its own reader leaves errors to the program.
    const failed = await follow(docker, await docker.buildImage(source))
    assert.match((failed.at(-1) as { error: string }).error, /returned a non-zero code: 1/)
  })
})

for (const composer of composers)
  suite(composer.name, { skip: composer.skip }, () => {
    const compose = (project: string, ...args: string[]): Promise<CommandResult> => {
      const env = Object.entries(composer.env ?? {}).map(([key, value]) => `${key}=${value}`)
      return daemon.command('timeout', [
        ...['-s', 'KILL', '120', 'env', ...env, 'DOCKER_BUILDKIT=0'],
        ...[...composer.command, '-f', join(daemon.directory, project, 'compose.yml'), ...args],
      ])
    }

    test('build, up --build', async () => {
      const project = `p${composers.indexOf(composer)}`
      mkdirSync(join(daemon.directory, project))
      const file = `version: '2.4'
services:
  web:
    build: { context: ../site, target: web, args: { WHO: ${project} }, labels: { of: ${project} } }
    image: ${project}-web
    ports: ['8080']
`
      writeFileSync(join(daemon.directory, project, 'compose.yml'), file)
      await ends(compose(project, 'build'))
      const { body } = await daemon.api.get<{ Id: string; Config: { Labels: object } }>(
        `/images/${project}-web/json`,
      )
      assert.equal((body.Config.Labels as Record<string, string>)['of'], project)
      await ends(compose(project, 'up', '-d', '--build'))
      const found = await daemon.api.get<Array<{ Id: string; ImageID: string }>>(
        `/containers/json?filters=${JSON.stringify({ label: [`com.docker.compose.project=${project}`] })}`,
      )
      assert.equal(found.body.length, 1)
      assert.equal(await pageOf(found.body[0]!.Id), `${project}\n`)
      await ends(compose(project, 'down', '-v', '--rmi', 'all'))
    })
  })

test('testcontainers: fromDockerfile', { skip: noTestcontainers }, async () => {
  const tc = testcontainersFor(daemon.socket, join(daemon.directory, 'client'))
  const image = await tc.GenericContainer.fromDockerfile(directory)
    .withTarget('web')
    .withBuildArgs({ WHO: 'testcontainers' })
    .build('tc-site', { deleteOnExit: false })
  const container = await image.withExposedPorts(8080).start()
  const url = `http://${container.getHost()}:${container.getMappedPort(8080)}/`
  assert.equal(await answerOf(url), 'testcontainers\n')
  await container.stop()
  await assert.rejects(
    tc.GenericContainer.fromDockerfile(directory).build('broken'),
    /Failed to build image/,
  )
})
