/** Builds that ran, and those at work: ours, `GET /build/history`. */

export interface BuildSummary {
  Id: string
  /** Its first name, else its Dockerfile and target. */
  Name: string
  Status: 'running' | 'completed' | 'error' | 'canceled'
  /** RFC 3339. */
  CreatedAt: string
  /** null while it runs. */
  CompletedAt: string | null
  /** Milliseconds so far. */
  DurationMs: number
  /** Of the Dockerfile: what goes on around them does not count. */
  TotalSteps: number
  CompletedSteps: number
  /** Of those that completed. */
  CachedSteps: number
  Warnings: number
  Tags: string[]
  /** Empty where there is none. */
  ImageId: string
}

export interface BuildRecord extends BuildSummary {
  /** Where the context came from; empty for a client. */
  Context: string
  Dockerfile: string
  Target: string
  Platform: string
  NoCache: boolean
  /** Names of what was given; values are not kept. */
  BuildArgs: string[]
  /** Whose it was, as the client calls itself. */
  Client: string
  /** Empty where it did not fail. */
  Error: string
  Steps: BuildStep[]
}

export interface BuildStep {
  /** As written: variables stand for themselves. */
  Name: string
  StartedAt: string | null
  CompletedAt: string | null
  Cached: boolean
  /** Empty where it did not fail. */
  Error: string
}
