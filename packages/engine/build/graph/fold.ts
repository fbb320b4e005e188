/** One stage's instructions, one after another, become operations: variables expanded, config folded. */
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import { parseSignal } from '../../base/signal-name.ts'
import { parseExposedPorts } from '../dockerfile/exposed-ports.ts'
import type { CommandLine, Instruction, KeyValue, RunMount } from '../dockerfile/instruction.ts'
import { parseRunMount } from '../dockerfile/run-mount.ts'
import {
  type Environment,
  type ExpansionBudget,
  expandInlineFile,
  expandWord,
  expandWords,
} from '../dockerfile/words.ts'
import type { RuntimeConfig } from '../needs.ts'
import type { Operation } from './operation.ts'
import { plainFrom } from './plain-from.ts'
import { runScript } from './run-script.ts'
import { type GlobalArgs, environmentOf } from './scope.ts'
import { healthcheckText, quotedList } from './wording.ts'

/** Characters, of all expansions of a build. */
const MAX_EXPANDED = 16 * 1024 * 1024

/** What the expansions of one build share. */
export function expansionBudget(): ExpansionBudget {
  return { left: MAX_EXPANDED }
}

/** Characters of config and history: each step's image repeats them. */
const MAX_CONFIG = 4 * 1024 * 1024
const DEFAULT_SHELL = ['/bin/sh', '-c']

type Of<Kind extends Instruction['kind']> = Member<Instruction, Kind>
type Member<I, Kind> = I extends { kind: infer K } ? (Kind extends K ? I : never) : never

/** Folds the instructions of one stage; `config` is its base image's. */
export class StageFold {
  config: RuntimeConfig
  readonly #globals: GlobalArgs
  readonly #args: Map<string, string>
  readonly #expansion: { escape: '\\' | '`'; budget: ExpansionBudget }
  #cmdSet = false
  #author = ''
  /** Characters of history so far. */
  #said = 0

  constructor(o: {
    config: RuntimeConfig
    globals: GlobalArgs
    escape: '\\' | '`'
    budget: ExpansionBudget
    /** Of the stage it begins with. */
    args?: Environment
  }) {
    this.config = structuredClone(o.config)
    this.#globals = o.globals
    this.#args = new Map(o.args)
    this.#expansion = { escape: o.escape, budget: o.budget }
  }

  /** Declared so far, with their values: a stage that begins with this one has them too. */
  get args(): Environment {
    return this.#args
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

  /** For displays: variables expanded; as it was where that fails. */
  shown(text: string): string {
    try {
      const options = { ...this.#expansion, rawQuotes: true, keepUnset: true }
      return expandWord(text, this.#environment(), options).text
    } catch {
      return text
    }
  }

  /** What `$x` means at the moment: of ENV and ARG the later one. */
  #environment(): Environment {
    return new Map([...environmentOf(this.config.Env), ...this.#args])
  }

  #expand(word: string, environment = this.#environment()): string {
    return orInvalid(() => expandWord(word, environment, this.#expansion).text)
  }

  #expandFile(data: string, environment: Environment): string {
    return orInvalid(() => expandInlineFile(data, environment, this.#expansion.budget).text)
  }

  #shell(): string[] {
    return [...(this.config.Shell?.length ? this.config.Shell : DEFAULT_SHELL)]
  }

  #commandOf(command: CommandLine): string[] {
    return command.shell ? [...this.#shell(), ...command.words] : [...command.words]
  }

  #done(createdBy: string[]): Operation {
    this.#said += createdBy.reduce((sum, word) => sum + word.length, 0)
    if (this.#said + JSON.stringify(this.config).length > MAX_CONFIG)
      throw invalidParameter('the config of the image is larger than 4 MiB')
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
      this.#args.delete(key)
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

  #pair({ key, value }: KeyValue, environment: Environment): KeyValue {
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
    return this.#comment(`CMD ${quotedList(this.config.Cmd)}`)
  }

  #entrypoint({ command }: Of<'entrypoint'>): Operation {
    const words = this.#commandOf(command)
    if (words.length > 0) this.config.Entrypoint = words
    else delete this.config.Entrypoint
    if (!this.#cmdSet) delete this.config.Cmd
    return this.#comment(`ENTRYPOINT ${quotedList(words)}`)
  }

  #expose(instruction: Of<'expose'>): Operation {
    const environment = this.#environment()
    const said = instruction.ports.flatMap((word) =>
      orInvalid(() => expandWords(word, environment, this.#expansion)),
    )
    const keys = orInvalid(() => parseExposedPorts(said, instruction.lines, () => {}))
    this.config.ExposedPorts = { ...this.config.ExposedPorts, ...emptySet(keys) }
    return this.#comment(`EXPOSE ${said.join(' ')}`)
  }

  #volume({ paths }: Of<'volume'>): Operation {
    const expanded = paths.map((path) => this.#expand(path).trim())
    if (expanded.includes('')) throw invalidParameter('VOLUME specified can not be an empty string')
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
    return this.#comment(`HEALTHCHECK ${healthcheckText(health)}`)
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
    refuseDevices(instruction)
    const { words, script } = runScript(instruction.command)
    const command = this.#commandOf({ ...instruction.command, words })
    const env = [...this.#args].map(([key, value]) => `${key}=${value}`).toSorted()
    const known = this.#environment()
    const hiddenEnv = [...this.#globals.proxies()]
      .filter(([key]) => !known.has(key))
      .map(([key, value]) => `${key}=${value}`)
    const createdBy = env.length > 0 ? [`|${env.length}`, ...env, ...command] : command
    const hostname = this.#globals.given().get('BUILDKIT_SANDBOX_HOSTNAME')
    return {
      ...this.#done(createdBy),
      kind: 'run',
      command,
      env,
      hiddenEnv,
      mounts: this.#mounts(instruction),
      network: instruction.network,
      script,
      ...(hostname && { hostname }),
    }
  }

  #mounts(instruction: Of<'run'>): RunMount[] {
    const environment = this.#environment()
    return instruction.mounts.map((text) =>
      orInvalid(() => parseRunMount(text, (word) => this.#expand(word, environment))),
    )
  }

  #copy(instruction: Of<'copy'> | Of<'add'>): Operation {
    const environment = this.#environment()
    const expand = (word: string): string => this.#expand(word, environment)
    return {
      ...this.#done(this.#shell()),
      kind: 'copy',
      instruction: instruction.kind === 'copy' ? 'COPY' : 'ADD',
      from: instruction.kind === 'copy' ? plainFrom(instruction.from) : '',
      sources: instruction.sources.map(expand),
      files: instruction.files.map(({ name, data, expand: isExpanded }) => ({
        name,
        data: isExpanded ? this.#expandFile(data, environment) : data,
      })),
      destination: expand(instruction.destination),
      workingDir: this.config.WorkingDir || '/',
      chown: expand(instruction.chown),
      chmod: expand(instruction.chmod),
      exclude: [...instruction.exclude],
      parents: instruction.kind === 'copy' && instruction.parents,
      link: instruction.link,
      checksum: instruction.kind === 'add' ? expand(instruction.checksum) : '',
      ...(instruction.kind === 'add' &&
        instruction.keepGitDir !== undefined && { keepGitDir: instruction.keepGitDir }),
      unpack: instruction.kind === 'add' ? instruction.unpack : false,
    }
  }
}

function refuseDevices({ devices }: Of<'run'>): void {
  const required = devices.find((device) => device.required)
  if (required)
    throw invalidParameter(`required device ${JSON.stringify(required.name)} is not registered`)
}

function orInvalid<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw invalidParameter((error as Error).message, error)
  }
}

function emptySet(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]))
}
