import { ApiError } from '../client/errors.ts'
import { programName } from './program.ts'

/** Runs a request of ours: other daemons have no such page. */
export async function onlyOurs<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    if (error instanceof ApiError && /page not found/.test(error.message))
      throw new Error(`${what} is only supported on a ${programName} daemon`, { cause: error })
    throw error
  }
}
