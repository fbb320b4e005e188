/** What a build says, in the order of its stages, also where they run side by side. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'

type Send = (message: JSONMessage) => void

/** So much is kept of a stage whose turn has not come; more of it is not shown. */
const MAX_WAITING = 4 * 1024 * 1024

/** One stage speaks; what the later ones say waits for its end. */
export class OrderedOutput {
  readonly #send: Send
  readonly #waiting: Array<{ messages: JSONMessage[]; size: number; ended: boolean }>
  #turn = 0

  constructor(stages: number, send: Send) {
    this.#send = send
    this.#waiting = Array.from({ length: stages }, () => ({ messages: [], size: 0, ended: false }))
  }

  /** Of the stage at `position`. */
  say(position: number, message: JSONMessage): void {
    if (position === this.#turn) return this.#send(message)
    const own = this.#waiting[position]!
    const size = message.stream?.length ?? 0
    if (own.size + size > MAX_WAITING) return
    own.size += size
    own.messages.push(message)
  }

  end(position: number): void {
    this.#waiting[position]!.ended = true
    while (this.#waiting[this.#turn]?.ended) {
      this.#turn++
      this.#flush(this.#turn)
    }
  }

  /** It is the last to be heard: what it said is shown, whoever's turn it was. */
  fail(position: number): void {
    if (position !== this.#turn) this.#flush(position)
    this.#turn = Number.NaN
  }

  #flush(position: number): void {
    for (const message of this.#waiting[position]?.messages.splice(0) ?? []) this.#send(message)
  }
}
