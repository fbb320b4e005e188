/** One request that is put to both engines. `{name}` in path and body is a value saved before. */
export interface Call {
  /** Names it in reports: unique within its group. */
  readonly name: string
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** Sent as it is, instead of JSON. */
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
  /** API version instead of the newest both have. */
  readonly version?: string
  /** Variable → field of the answer, dotted. */
  readonly save?: Readonly<Record<string, string>>
  /** Asked again until the answer has this text, at most 15 s: what takes an engine a while. */
  readonly until?: RegExp
  /** What both must answer, lest a group compare one refusal after the other. */
  readonly status?: number
  /** Only the status is compared: the body differs by nature (and how is tested elsewhere). */
  readonly statusOnly?: boolean
}

/** Calls that build on each other. What a group makes it removes. */
export interface Group {
  readonly name: string
  readonly calls: readonly Call[]
  /** Takes long and touches nothing: runs last beside its like, and no event is compared. */
  readonly apart?: true
}

type Rest = Omit<Call, 'name' | 'method' | 'path' | 'body'>

type Maker = (name: string, path: string, body?: unknown, rest?: Rest) => Call

const maker =
  (method: Call['method']): Maker =>
  (name, path, body, rest = {}) => ({
    name,
    method,
    path,
    ...(body === undefined ? {} : { body }),
    ...rest,
  })

export const get: Maker = maker('GET')
export const head: Maker = maker('HEAD')
export const post: Maker = maker('POST')
export const put: Maker = maker('PUT')
export const del: Maker = maker('DELETE')

/** Create with a name; saves the id under the name. */
export function create(name: string, body: object, rest: Rest = {}): Call {
  return { status: 201, ...attempt(name, body, rest) }
}

/** As `create`, of what may be refused. */
export function attempt(name: string, body: object, rest: Rest = {}): Call {
  return post(
    `create ${name}`,
    `/containers/create?name=${name}`,
    { Image: 'busybox', ...body },
    {
      save: { [name]: 'Id' },
      ...rest,
    },
  )
}

export const start = (name: string): Call => post(`start ${name}`, `/containers/${name}/start`)
export const remove = (name: string): Call =>
  del(`remove ${name}`, `/containers/${name}?force=1&v=1`)
export const wait = (name: string): Call => post(`wait ${name}`, `/containers/${name}/wait`)
