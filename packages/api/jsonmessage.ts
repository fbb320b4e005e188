/** One line of a progress stream (pull, push, load, build). */
export interface JSONMessage {
  status?: string
  /** The layer or tag this line is about; a later line of the same id replaces it on screen. */
  id?: string
  progressDetail?: JSONProgress
  /** The bar as text, for old clients. */
  progress?: string
  stream?: string
  aux?: unknown
  errorDetail?: { code?: number; message: string }
  /** The message of `errorDetail` again, for old clients. */
  error?: string
}

export interface JSONProgress {
  current?: number
  total?: number
  /** Unix seconds. */
  start?: number
  hidecounts?: boolean
  units?: string
}
