/** Several errors as one text, as moby's multierror.Join puts them. undefined for none. */
export function joinedErrors(errors: readonly string[]): string | undefined {
  const [first] = errors
  if (errors.length < 2) return first?.trim()
  return errors.map((text) => `* ${text.replaceAll('\n', '\n\t')}`).join('\n')
}
