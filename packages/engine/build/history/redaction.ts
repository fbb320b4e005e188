/** Takes out of what is kept what nobody should read there. */

/** Shorter values are words of every text. */
const MIN_VALUE = 4

export class Redaction {
  /** Longest first, so that no part of one is left. */
  readonly #values: ReadonlyArray<[value: string, key: string]>

  /** Values of these are told by their names. */
  constructor(buildArgs: Readonly<Record<string, string | null>>) {
    this.#values = Object.entries(buildArgs)
      .flatMap(([key, value]): Array<[string, string]> =>
        value !== null && value.length >= MIN_VALUE ? [[value, key]] : [],
      )
      .toSorted(([a], [b]) => b.length - a.length)
  }

  text(text: string): string {
    let clean = this.address(text)
    for (const [value, key] of this.#values) clean = clean.replaceAll(value, `$${key}`)
    return clean
  }

  /** Without the user and password of an address, nor what follows its path. */
  address(text: string): string {
    return text.replace(/:\/\/[^/@\s]*@/g, '://').replace(/(:\/\/[^\s?]*)\?[^\s#]*/g, '$1')
  }
}
