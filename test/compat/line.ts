/** A line a user types; `docker` stands for the CLI under test. */
export interface Line {
  name: string
  run: string
  input?: string
  /** Expected exit code of the last command; default 0. */
  status?: number
  stdout?: string | RegExp
  stderr?: RegExp
  /** False where the texts on stderr may differ from the stock CLI's. */
  sameErrors?: boolean
}
