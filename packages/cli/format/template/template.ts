import { functions } from './functions.ts'
import { TemplateSyntaxError } from './lex.ts'
import { parseTemplate } from './parse.ts'
import type { Argument, Call, Pipeline, TemplateNode } from './parse.ts'
import { isNil, isObject, isStruct, isTrue, print } from './value.ts'
import type { Method, Value } from './value.ts'

export { TemplateSyntaxError }

/** A template failed on its data; the message is that of Go's text/template. */
export class TemplateError extends Error {}

export interface ExecuteOptions {
  readonly functions?: Readonly<Record<string, Method>>
  /** True: a missing key of a map is an error, not `<no value>`. */
  readonly strict?: boolean
  /** Value of a field that is missing or null, by its name; undefined where none is known. */
  readonly zeroOf?: (name: string) => Value | undefined
  /** Go's name of the data's type, for "can't evaluate field". */
  readonly typeName?: string
}

/** A parsed template of Go's text/template, as far as `--format` uses it. */
export class Template {
  private readonly name: string
  private readonly source: string
  private readonly nodes: readonly TemplateNode[]

  constructor(source: string, name = '') {
    this.name = name
    this.source = source
    this.nodes = parseTemplate(name, source, (known) => Object.hasOwn(functions, known))
  }

  execute(data: Value, options: ExecuteOptions = {}): string {
    return new Execution(this.name, this.source, data, options).run(this.nodes)
  }
}

type Signal = 'break' | 'continue' | undefined

class Execution {
  private readonly name: string
  private readonly source: string
  private readonly options: ExecuteOptions
  private readonly functions: Readonly<Record<string, Method>>
  private readonly definitions = new Map<string, readonly TemplateNode[]>()
  private variables: Array<[name: string, value: Value]>
  private readonly root: Value
  private out = ''

  constructor(name: string, source: string, data: Value, options: ExecuteOptions) {
    this.name = name
    this.source = source
    this.options = options
    this.functions = options.functions ?? functions
    this.variables = [['$', data]]
    this.root = data
  }

  run(nodes: readonly TemplateNode[]): string {
    this.walk(nodes, this.root)
    return this.out
  }

  private walk(nodes: readonly TemplateNode[], dot: Value): Signal {
    for (const node of nodes) {
      const signal = this.step(node, dot)
      if (signal) return signal
    }
    return undefined
  }

  private step(node: TemplateNode, dot: Value): Signal {
    switch (node.kind) {
      case 'text':
        this.out += node.text
        return undefined
      case 'action':
        return this.action(node.pipeline, dot)
      case 'if':
      case 'with':
        return this.branch(node, dot)
      case 'range':
        return this.range(node, dot)
      case 'break':
      case 'continue':
        return node.kind
      case 'define':
        this.definitions.set(node.name, node.body)
        return undefined
      case 'template':
        return this.invoke(node, dot)
    }
  }

  private action(pipeline: Pipeline, dot: Value): undefined {
    const value = this.evaluate(pipeline, dot)
    if (pipeline.variables.length === 0) this.out += print(value)
  }

  private invoke(node: TemplateNode & { kind: 'template' }, dot: Value): undefined {
    const body = this.definitions.get(node.name)
    if (!body)
      throw new TemplateError(`template: ${this.name}: template "${node.name}" not defined`)
    const data = node.pipeline ? this.evaluate(node.pipeline, dot) : undefined
    const outer = this.variables
    this.variables = [['$', data]]
    this.walk(body, data)
    this.variables = outer
  }

  private branch(node: TemplateNode & { kind: 'if' | 'with' | 'range' }, dot: Value): Signal {
    return this.scoped(() => {
      const value = this.evaluate(node.pipeline, dot)
      if (!isTrue(value)) return this.walk(node.otherwise, dot)
      return this.walk(node.body, node.kind === 'with' ? value : dot)
    })
  }

  private range(node: TemplateNode & { kind: 'if' | 'with' | 'range' }, dot: Value): Signal {
    return this.scoped(() => {
      const value = this.evaluate({ ...node.pipeline, variables: [] }, dot)
      const entries = this.entriesOf(value, node.pipeline)
      if (entries.length === 0) return this.walk(node.otherwise, dot)
      for (const [key, element] of entries) {
        const signal = this.scoped(() => {
          const [first, second] = node.pipeline.variables
          if (second !== undefined) this.variables.push([first as string, key], [second, element])
          else if (first !== undefined) this.variables.push([first, element])
          return this.walk(node.body, element)
        })
        if (signal === 'break') break
      }
      return undefined
    })
  }

  private entriesOf(value: Value, pipeline: Pipeline): Array<[Value, Value]> {
    if (value === null || value === undefined || isNil(value)) return []
    if (Array.isArray(value)) return value.map((element, i) => [i, element])
    if (typeof value === 'number') return Array.from({ length: value }, (_, i) => [i, i])
    if (isObject(value)) {
      return Object.keys(value)
        .sort()
        .map((key) => [key, value[key]])
    }
    throw this.fail(pipeline.calls[0], `range can't iterate over ${print(value)}`)
  }

  private scoped(body: () => Signal): Signal {
    const depth = this.variables.length
    try {
      return body()
    } finally {
      this.variables.length = depth
    }
  }

  private evaluate(pipeline: Pipeline, dot: Value): Value {
    let value: Value
    for (const [index, call] of pipeline.calls.entries()) {
      value = this.call(call, dot, index === 0 ? [] : [value])
    }
    for (const name of pipeline.variables) this.assign(name, value, pipeline.declares)
    return value
  }

  private assign(name: string, value: Value, declares: boolean): void {
    const known = this.variables.findLast(([variable]) => variable === name)
    if (declares || !known) this.variables.push([name, value])
    else known[1] = value
  }

  private call(call: Call, dot: Value, piped: readonly Value[]): Value {
    const [first, ...rest] = call.words as [Argument, ...Argument[]]
    const args = (): Value[] => [...rest.map((word) => this.argument(word, dot, call)), ...piped]
    if (first.kind === 'function')
      return this.callFunction(first.name, args, call, rest, dot, piped)
    if (first.kind === 'fields') return this.fields(first, dot, call, args())
    if (first.kind === 'nil') throw this.fail(call, 'nil is not a command')
    if (rest.length > 0 || piped.length > 0) {
      throw this.fail(call, `can't give argument to non-function ${call.source}`)
    }
    return this.argument(first, dot, call)
  }

  private callFunction(
    name: string,
    args: () => Value[],
    call: Call,
    rest: readonly Argument[],
    dot: Value,
    piped: readonly Value[],
  ): Value {
    // These two stop at the first word that decides.
    if (name === 'and' || name === 'or') {
      let value: Value
      for (const word of rest) {
        value = this.argument(word, dot, call)
        if (isTrue(value) === (name === 'or')) return value
      }
      return piped.length > 0 ? piped[0] : value
    }
    try {
      return (this.functions[name] as Method)(...args())
    } catch (error) {
      if (error instanceof TemplateError) throw error
      throw this.fail(call, (error as Error).message)
    }
  }

  private argument(word: Argument, dot: Value, call: Call): Value {
    switch (word.kind) {
      case 'dot':
        return dot
      case 'nil':
        return null
      case 'literal':
        return word.value
      case 'variable':
        return this.variables.findLast(([name]) => name === word.name)?.[1]
      case 'function':
        return this.callFunction(word.name, () => [], call, [], dot, [])
      case 'pipeline':
        return this.evaluate(word.pipeline, dot)
      case 'fields':
        return this.fields(word, dot, call, [])
    }
  }

  private fields(
    word: Argument & { kind: 'fields' },
    dot: Value,
    call: Call,
    args: readonly Value[],
  ): Value {
    let value = word.base === undefined ? dot : this.argument(word.base, dot, call)
    for (const [index, name] of word.names.entries()) {
      const last = index === word.names.length - 1
      value = this.field(value, name, word, last ? args : undefined)
    }
    return value
  }

  private field(
    value: Value,
    name: string,
    word: Argument & { kind: 'fields' },
    args: readonly Value[] | undefined,
  ): Value {
    const fail = (message: string): TemplateError => this.failAt(word.at, chainText(word), message)
    if (value === null || value === undefined) {
      if (!this.options.strict) return undefined
      throw fail(`nil pointer evaluating interface {}.${name}`)
    }
    if (!isObject(value)) throw fail(`can't evaluate field ${name} in type ${goType(value)}`)
    const field = Object.hasOwn(value, name)
      ? value[name]
      : this.missing(value, name, args !== undefined, fail)
    if (typeof field === 'function') {
      const [want, got] = [field.length, args?.length ?? 0]
      if (want !== got) throw fail(`wrong number of args for ${name}: want ${want} got ${got}`)
      return (field as Method)(...(args ?? []))
    }
    if (args && args.length > 0)
      throw fail(`${name} has arguments but cannot be invoked as function`)
    return field ?? this.options.zeroOf?.(name) ?? field
  }

  private missing(
    value: Record<string, Value>,
    name: string,
    last: boolean,
    fail: (message: string) => TemplateError,
  ): Value {
    if (isStruct(value)) {
      const type = value === this.root ? (this.options.typeName ?? 'struct') : 'struct'
      throw fail(`can't evaluate field ${name} in type ${type}`)
    }
    const { zeroOf } = this.options
    // Fields of Go's structures differ from the names on the wire by case only: ID is Id.
    const spelled = zeroOf && Object.keys(value).find((key) => sameWord(key, name))
    if (spelled !== undefined) return value[spelled]
    const zero = zeroOf?.(name)
    // Nothing lies behind a null: the chain ends here, in the words Go has for it.
    const found = zero !== undefined && (last || zero !== null)
    if (!found && this.options.strict) throw fail(`map has no entry for key "${name}"`)
    return zero
  }

  private fail(call: Call | undefined, message: string): TemplateError {
    return this.failAt(call?.at ?? 0, call?.source ?? '', message)
  }

  private failAt(at: number, what: string, message: string): TemplateError {
    const before = this.source.slice(0, at)
    const line = before.split('\n').length
    const column = at - (before.lastIndexOf('\n') + 1)
    return new TemplateError(
      `template: ${this.name}:${line}:${column}: executing "${this.name}" at <${what}>: ${message}`,
    )
  }
}

function sameWord(a: string, b: string): boolean {
  return a.length === b.length && a.toLowerCase() === b.toLowerCase()
}

/** The chain as written: `.State.Health.Status`, `$x.Name`. */
function chainText({ base, names }: Argument & { kind: 'fields' }): string {
  return `${base?.kind === 'variable' ? base.name : ''}.${names.join('.')}`
}

function goType(value: Value): string {
  if (typeof value === 'number') return 'int'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return '[]interface {}'
  return 'string'
}
