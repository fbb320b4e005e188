/** Route tables, and what every route has in common: version window, errors, 501 for the rest. */
import Fastify, { type FastifyInstance } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { operations } from '@tdocker/api/operations.ts'
import { ownOperations } from '@tdocker/api/own-operations.ts'
import type { Query } from '@tdocker/api/query.ts'
import { maxVersion, since, versionProblem, type Gate } from '@tdocker/api/versions.ts'
import { HttpError, messageOf, sendError, statusOf } from './errors.ts'
import { Exchange } from './exchange.ts'
import type { Connection } from './hijack.ts'

export type Handler = (x: Exchange) => void | Promise<void>

/** Handlers by operation id; `since` hides an operation from older clients. */
export type Routes = Readonly<Record<string, Handler | { since: Gate; handler: Handler }>>

export interface RouterLog {
  error(details: object, message: string): void
}

export interface RouterOptions {
  routes: Routes
  log: RouterLog
  /** Oldest API version served. */
  minimum: string
}

/** What the listener knows about a request before it is routed. */
export interface Arrival {
  version: string | undefined
  connection: Connection
}

export type Dispatch = (
  request: IncomingMessage,
  response: ServerResponse,
  arrival: Arrival,
) => void

/** The router, ready to be given requests whose `url` has been through `parseTarget`. */
export async function makeRouter(o: RouterOptions): Promise<Dispatch> {
  const arrivals = new WeakMap<IncomingMessage, Arrival>()
  const app = Fastify({
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 4096 },
    frameworkErrors: (_error, _request, reply) => {
      reply.hijack()
      sendError(reply.raw, new HttpError(400, 'bad request target'), undefined)
    },
  })
  // Bodies are the handlers' to read: Fastify must leave the stream alone.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  addOperations(app, o, arrivals)
  app.options('/*', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'Content-Length': 0 }).end()
  })
  app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    sendError(reply.raw, pageNotFound(), arrivals.get(request.raw)?.version)
  })
  app.setErrorHandler((error, request, reply) => {
    reply.hijack()
    const status = (error as { statusCode?: number }).statusCode ?? 500
    const told = new HttpError(status === 415 ? 400 : status, messageOf(error))
    sendError(reply.raw, told, arrivals.get(request.raw)?.version)
  })
  await app.ready()
  return (request, response, arrival) => {
    arrivals.set(request, arrival)
    app.routing(request, response)
  }
}

function addOperations(
  app: FastifyInstance,
  o: RouterOptions,
  arrivals: WeakMap<IncomingMessage, Arrival>,
): void {
  for (const operation of [...operations, ...ownOperations]) {
    const route = o.routes[operation.id]
    const { handler, gate } =
      typeof route === 'object'
        ? { handler: route.handler, gate: route.since }
        : { handler: route ?? notImplemented(operation), gate: undefined }
    app.route({
      method: operation.method,
      url: operation.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      handler: async (request, reply) => {
        reply.hijack()
        const arrival = arrivals.get(request.raw)
        if (!arrival) throw new Error('a request nobody announced')
        // `/containers//json` names nothing.
        const params = request.params as Record<string, string>
        const missing = Object.values(params).includes('')
        await answer(
          new Exchange({
            request: request.raw,
            response: reply.raw,
            version: arrival.version ?? maxVersion,
            params,
            query: request.query as Query,
            connection: arrival.connection,
          }),
          missing ? noSuchPage : handler,
          { gate, asked: arrival.version, ...o },
        )
      },
    })
  }
}

async function answer(
  x: Exchange,
  handler: Handler,
  o: RouterOptions & { gate: Gate | undefined; asked: string | undefined },
): Promise<void> {
  try {
    const problem = versionProblem(x.version, o.minimum)
    if (problem) throw new HttpError(400, problem)
    if (o.gate && !since(x.version, o.gate)) throw pageNotFound()
    await handler(x)
    if (!x.begun) throw new Error('the request was not answered')
  } catch (error) {
    if (statusOf(error) >= 500 && statusOf(error) !== 501) {
      const { method, url } = x.request
      o.log.error({ err: error, method, url }, 'request failed')
    }
    if (!x.begun) sendError(x.response, error, o.asked)
    else if (!x.response.writableEnded) x.response.destroy()
  }
}

function noSuchPage(): never {
  throw pageNotFound()
}

function pageNotFound(): HttpError {
  return new HttpError(404, 'page not found')
}

/** "not supported": words by which `docker inspect` knows to look for a name elsewhere. */
function notImplemented(operation: { id: string; method: string; path: string }): Handler {
  return () => {
    throw new HttpError(
      501,
      `${operation.id} (${operation.method} ${operation.path}) is not supported by tdocker yet`,
    )
  }
}
