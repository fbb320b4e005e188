import type { SearchResult } from '@tdocker/api'
import { ellipsis } from './row.ts'
import type { Row } from './row.ts'

export const searchHeaders: Readonly<Record<string, string>> = {
  Name: 'NAME',
  Description: 'DESCRIPTION',
  StarCount: 'STARS',
  IsOfficial: 'OFFICIAL',
}

/** The template behind what the user asked for. */
export function searchFormat(format: string): string {
  if (format !== '' && format !== 'table') return format
  return 'table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}'
}

/** `isJson`: true and false in place of a mark. */
export function searchRow(result: SearchResult, truncate: boolean, isJson: boolean): Row {
  const official = isJson ? String(result.is_official) : result.is_official ? '[OK]' : ''
  return {
    Description: () => {
      const line = result.description.replaceAll(/[\n\r]/g, ' ')
      return truncate ? ellipsis(line, 45) : line
    },
    IsOfficial: () => official,
    Name: () => result.name,
    StarCount: () => String(result.star_count),
  }
}
