/** A variable that counts more than the context in use. */
export function overrideWarning(name?: string): string {
  const use = name === undefined ? 'a context' : JSON.stringify(name)
  return (
    'Warning: DOCKER_HOST environment variable overrides the active context. ' +
    `To use ${use}, either set the global --context flag, or unset DOCKER_HOST environment variable.\n`
  )
}
