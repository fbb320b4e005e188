/** One stage's instructions, one after another, become operations: variables expanded, config folded. */
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import { parseSignal } from '../../base/signal-name.ts'
import { ports } from '../../image/changes.ts'
import type { CommandLine, Instruction, KeyValue, RunMount } from '../dockerfile/instruction.ts'
import { parseRunMount } from '../dockerfile/run-mount.ts'
import { type ExpansionBudget, expandInlineFile, expandWord, expandWords } from '../dockerfile/words.ts'
import type { RuntimeConfig } from '../needs.ts'
import type { Operation } from './operation.ts'
import { type GlobalArgs, environmentOf } from './scope.ts'

/** Characters, of all expansions of a stage. */
const MAX_EXPANDED = 64 * 1024 * 1024
const DEFAULT_SHELL = ['/bin/sh', '-c']

type Of<Kind extends Instruction['kind']> = Member<Instruction, Kind>
type Member<I, Kind> = I extends { kind: infer K } ? (Kind extends K ? I : never) : never

/** Folds the instructions of one stage; `config` is its base image's. */
export class StageFold {
  config: RuntimeConfig
  readonly #globals: GlobalArgs
  readonly #args = new Map<string, string>()
  readonly #expansion: { escape: '\\' | '`'; budget: ExpansionBudget }
  #cmdSet = false
  #author = ''

  constructor(o: {
    config: RuntimeConfig
    globals: GlobalArgs
    escape: '\\' | '`'
    budget?: ExpansionBudget
  }) {
    this.config = structuredClone(o.config)
    this.#globals = o.globals
    this.#expansion = { escape: o.escape, budget: o.budget ?? { left: MAX_EXPANDED } }
  }

  /** Throws invalidParameter in moby's words. */
  fold(instruction: Instruction): Operation {
    switch (instruction.kind) {
      case 'run':
        return this.#run(instruction)
      case 'copy':
      case 'add':
        return this.#copy(instruction)
      case 'workdir':
        return this.#workdir(instruction)
      case 'env':
        return this.#env(instruction)
      case 'label':
        return this.#label(instruction)
      case 'arg':
        return this.#arg(instruction)
      case 'cmd':
        return this.#cmd(instruction)
      case 'entrypoint':
        return this.#entrypoint(instruction)
      case 'expose':
        return this.#expose(instruction)
      case 'volume':
        return this.#volume(instruction)
      case 'shell':
        this.config.Shell = [...instruction.words]
        return this.#comment(`SHELL [${instruction.words.join(' ')}]`)
      case 'healthcheck':
        return this.#healthcheck(instruction)
      default:
        return this.#word(instruction)
    }
  }

  /** For displays: variables expanded, those of proxies left out; as it was where that fails. */
  shown(text: string): string {
    const environment = new Map([...this.#args, ...environmentOf(this.config.Env)])
    try {
      return expandWord(text, environment, { ...this.#expansion, rawQuotes: true, keepUnset: true })
        .text
    } catch {
      return text
    }
  }

  /** What `$x` means at the moment: ENV wins over ARG. */
  #environment(): Map<string, string> {
    return new Map([
      ...this.#globals.proxies(),
      ...this.#args,
      ...environmentOf(this.config.Env),
    ])
  }

  #expand(word: string, environment = this.#environment()): string {
    return orInvalid(() => expandWord(word, environment, this.#expansion).text)
  }

  #shell(): string[] {
    return [...(this.config.Shell?.length ? this.config.Shell : DEFAULT_SHELL)]
  }

  #commandOf(command: CommandLine): string[] {
    return command.shell ? [...this.#shell(), ...command.words] : [...command.words]
  }

  #done(createdBy: string[]): Operation {
    return {
      kind: 'config',
      config: structuredClone(this.config),
      createdBy,
      author: this.#author,
    }
  }

  /** Two arguments, so that joined there are two blanks, as in moby. */
  #comment(text: string): Operation {
    return this.#done([...this.#shell(), '#(nop) ', text])
  }

  /** `--label`: nothing in it is expanded. */
  label(key: string, value: string): Operation {
    this.config.Labels = { ...this.config.Labels, [key]: value }
    return this.#comment(`LABEL ${key}=${value}`)
  }

  #env({ pairs }: Of<'env'>): Operation {
    const environment = this.#environment()
    const said: string[] = []
    for (const pair of pairs) {
      const { key, value } = this.#pair(pair, environment)
      if (key === '') throw invalidParameter('ENV names can not be blank')
      const entry = `${key}=${value}`
      const env = [...(this.config.Env ?? [])]
      const at = env.findIndex((old) => old.split('=', 1)[0] === key)
      if (at < 0) env.push(entry)
      else env[at] = entry
      this.config.Env = env
      said.push(entry)
    }
    return this.#comment(`ENV ${said.join(' ')}`)
  }

  #label({ pairs }: Of<'label'>): Operation {
    const environment = this.#environment()
    const labels = { ...this.config.Labels }
    const said: string[] = []
    for (const pair of pairs) {
      const { key, value } = this.#pair(pair, environment)
      if (key === '') throw invalidParameter('LABEL names can not be blank')
      labels[key] = value
      said.push(`${key}=${value}`)
    }
    this.config.Labels = labels
    return this.#comment(`LABEL ${said.join(' ')}`)
  }

  #pair({ key, value }: KeyValue, environment: Map<string, string>): KeyValue {
    return { key: this.#expand(key, environment), value: this.#expand(value, environment) }
  }

  #arg({ args }: Of<'arg'>): Operation {
    const said = args.map(({ key, value }) => {
      const expanded = value === undefined ? undefined : this.#expand(value)
      const set = this.#globals.valueOf(key, expanded)
      if (set !== undefined) this.#args.set(key, set)
      return expanded === undefined ? key : `${key}=${expanded}`
    })
    return this.#comment(`ARG ${said.join(' ')}`)
  }

  #cmd({ command }: Of<'cmd'>): Operation {
    this.config.Cmd = this.#commandOf(command)
    this.#cmdSet ||= command.words.length > 0
    return this.#comment(`CMD ${quoted(this.config.Cmd)}`)
  }

  #entrypoint({ command }: Of<'entrypoint'>): Operation {
    this.config.Entrypoint = this.#commandOf(command)
    if (!this.#cmdSet) delete this.config.Cmd
    return this.#comment(`ENTRYPOINT ${quoted(this.config.Entrypoint)}`)
  }

  #expose({ ports: words }: Of<'expose'>): Operation {
    const environment = this.#environment()
    const said = words.flatMap((word) =>
      orInvalid(() => expandWords(word, environment, this.#expansion)),
    )
    const keys = orInvalid(() => said.flatMap(ports))
    this.config.ExposedPorts = { ...this.config.ExposedPorts, ...emptySet(keys) }
    return this.#comment(`EXPOSE ${said.join(' ')}`)
  }

  #volume({ paths }: Of<'volume'>): Operation {
    const expanded = paths.map((path) => this.#expand(path).trim())
    if (expanded.includes(''))
      throw invalidParameter('VOLUME specified can not be an empty string')
    this.config.Volumes = { ...this.config.Volumes, ...emptySet(expanded) }
    return this.#comment(`VOLUME [${expanded.join(' ')}]`)
  }

  #healthcheck({ health }: Of<'healthcheck'>): Operation {
    const { test, interval, timeout, startPeriod, startInterval, retries } = health
    this.config.Healthcheck = {
      Test: [...test],
      ...(interval > 0 && { Interval: interval }),
      ...(timeout > 0 && { Timeout: timeout }),
      ...(startPeriod > 0 && { StartPeriod: startPeriod }),
      ...(startInterval > 0 && { StartInterval: startInterval }),
      ...(retries > 0 && { Retries: retries }),
    }
    const times = [
      `Interval:${goDuration(interval)} Timeout:${goDuration(timeout)}`,
      `StartPeriod:${goDuration(startPeriod)} StartInterval:${goDuration(startInterval)}`,
    ].join(' ')
    return this.#comment(`HEALTHCHECK &{Test:[${test.join(' ')}] ${times} Retries:${retries}}`)
  }

  #word(instruction: Of<'user'>): Operation {
    const { kind, value } = instruction
    if (kind === 'onbuild') {
      this.config.OnBuild = [...(this.config.OnBuild ?? []), value]
      return this.#comment(`ONBUILD ${value}`)
    }
    if (kind === 'maintainer') {
      this.#author = value
      return this.#comment(`MAINTAINER ${value}`)
    }
    const expanded = this.#expand(value)
    if (kind === 'user') this.config.User = expanded
    else {
      orInvalid(() => parseSignal(expanded))
      this.config.StopSignal = expanded
    }
    return this.#comment(`${kind.toUpperCase()} ${expanded}`)
  }

  #workdir({ value }: Of<'workdir'>): Operation {
    const path = this.#expand(value)
    if (path === '') throw invalidParameter('cannot normalize nothing')
    this.config.WorkingDir = posix.resolve('/', this.config.WorkingDir ?? '/', path)
    const said = `#(nop) WORKDIR ${this.config.WorkingDir}`
    return {
      ...this.#done([...this.#shell(), said]),
      kind: 'workdir',
      path: this.config.WorkingDir,
    }
  }

  #run(instruction: Of<'run'>): Operation {
    if (instruction.security === 'insecure')
      throw invalidParameter('security.insecure is not allowed')
    const device = instruction.devices.find(({ required }) => required)
    if (device)
      throw invalidParameter(`required device ${JSON.stringify(device.name)} is not registered`)
    const { words, script } = heredocScript(instruction.command)
    const command = this.#commandOf({ ...instruction.command, words })
    const own = environmentOf(this.config.Env)
    const env = [...this.#args]
      .filter(([key]) => !own.has(key))
      .map(([key, value]) => `${key}=${value}`)
      .toSorted()
    const hiddenEnv = [...this.#globals.proxies()]
      .filter(([key]) => !own.has(key) && !this.#args.has(key))
      .map(([key, value]) => `${key}=${value}`)
    const environment = this.#environment()
    const expand = (word: string): string => this.#expand(word, environment)
    const mounts = instruction.mounts.map((text): RunMount =>
      orInvalid(() => parseRunMount(text, expand)),
    )
    const createdBy = env.length > 0 ? [`|${env.length}`, ...env, ...command] : command
    return {
      ...this.#done(createdBy),
      kind: 'run',
      command,
      env,
      hiddenEnv,
      mounts,
      network: instruction.network,
      script,
    }
  }

  #copy(instruction: Of<'copy'> | Of<'add'>): Operation {
    const environment = this.#environment()
    const expand = (word: string): string => this.#expand(word, environment)
    return {
      ...this.#done(this.#shell()),
      kind: 'copy',
      instruction: instruction.kind === 'copy' ? 'COPY' : 'ADD',
      from: instruction.kind === 'copy' ? expand(instruction.from) : '',
      sources: instruction.sources.map(expand),
      files: instruction.files.map(({ name, data, expand: isExpanded }) => ({
        name,
        data: isExpanded ? orInvalid(() => expandInlineFile(data, environment, this.#expansion.budget).text) : data,
      })),
      destination: expand(instruction.destination),
      workingDir: this.config.WorkingDir || '/',
      chown: expand(instruction.chown),
      chmod: expand(instruction.chmod),
      exclude: instruction.exclude.map(expand),
      parents: instruction.kind === 'copy' && instruction.parents,
      link: instruction.link,
      checksum: instruction.kind === 'add' ? expand(instruction.checksum) : '',
      unpack: instruction.kind === 'add' ? instruction.unpack : false,
    }
  }
}

/** A lone heredoc is the script itself; several, or one among words, go to the shell as written. */
function heredocScript(command: CommandLine): {
  words: string[]
  script: { name: string; data: string } | undefined
} {
  const { words, files } = command
  const [line = ''] = words
  const [file] = files
  if (!file) return { words: [...words], script: undefined }
  const alone = files.length === 1 && /^<<-?["']?[^"'<\s]+["']?$/.test(line.trim())
  if (!alone) {
    const bodies = files.map(({ name, data }) => `\n${data}${name}`).join('')
    return { words: [`${line}${bodies}`], script: undefined }
  }
  const data = file.chomp ? file.data.replace(/^\t+/gm, '') : file.data
  if (!data.startsWith('#!')) return { words: [data], script: undefined }
  return { words: [`/dev/pipes/${file.name}`], script: { name: file.name, data } }
}

function orInvalid<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw invalidParameter((error as Error).message, error)
  }
}

/** As Go's `%q` prints a list. */
function quoted(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(' ')}]`
}

function emptySet(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]))
}

/** As Go prints a duration; nanoseconds. */
function goDuration(ns: number): string {
  const seconds = ns / 1e9
  if (seconds === 0) return '0s'
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = Number((seconds % 60).toFixed(9))
return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}s`
}
