import { holdSession, refuseCalls } from '../grpc.ts'
import type { Routes } from '../router.ts'

export function grpcRoutes(): Routes {
  return {
    Grpc: (x) => refuseCalls(x),
    Session: (x) => holdSession(x),
  }
}
