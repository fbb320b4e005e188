/** Images that builds at work need: nobody removes them meanwhile. */
export class BuildHolds {
  readonly #byImage = new Map<string, Set<string>>()

  usersOf(imageId: string): Array<{ id: string; running: boolean; mounts: boolean }> {
    const builds = this.#byImage.get(imageId)
    // As one that is only mounted: lists do not count it among containers.
    return [...(builds ?? [])].map((id) => ({ id, running: true, mounts: true }))
  }

  /** Of one build; given up when it is disposed of. */
  begin(buildId: string): Disposable & { add(imageId: string): void } {
    const held = new Set<string>()
    return {
      add: (imageId) => {
        held.add(imageId)
        const builds = this.#byImage.get(imageId) ?? new Set()
        this.#byImage.set(imageId, builds.add(buildId))
      },
      [Symbol.dispose]: () => {
        for (const imageId of held) {
          const builds = this.#byImage.get(imageId)
          builds?.delete(buildId)
          if (builds?.size === 0) this.#byImage.delete(imageId)
        }
      },
    }
  }
}
