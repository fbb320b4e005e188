/** Signals as values: one AbortSignal for the end, a callback for the reload. */
export function listenToSignals(o: { reload: () => void; impatient: () => void }): AbortSignal {
  const controller = new AbortController()
  let asked = 0
  const end = (): void => {
    asked += 1
    controller.abort()
    // As dockerd: whoever asks three times wants it now.
    if (asked >= 3) o.impatient()
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.on('SIGHUP', () => {
    if (!controller.signal.aborted) o.reload()
  })
  // stderr may be a pipe that nobody reads any more.
  process.on('SIGPIPE', () => {})
  return controller.signal
}
