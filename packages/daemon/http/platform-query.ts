import { InvalidRequest } from '@tdocker/api/invalid.ts'

/** `{"os":…,"architecture":…,"variant":…}` of a query as os/arch[/variant]. */
export function decodePlatform(given: string): string {
  let value: { os?: string; architecture?: string; variant?: string } | null
  try {
    value = JSON.parse(given) as typeof value
  } catch (error) {
    throw new InvalidRequest(`failed to parse platform: ${(error as Error).message}`)
  }
  if (!value?.os && !value?.architecture && value?.variant) {
    throw new InvalidRequest(
      'optional platform fields provided, but OS and Architecture are missing',
    )
  }
  if (!value?.os || !value.architecture) {
    throw new InvalidRequest('both OS and Architecture must be provided')
  }
  return [value.os, value.architecture, value.variant].filter(Boolean).join('/')
}
