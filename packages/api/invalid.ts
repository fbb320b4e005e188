/** A request that says something wrong: HTTP 400 with the message as it is. */
export class InvalidRequest extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidRequest'
  }
}
