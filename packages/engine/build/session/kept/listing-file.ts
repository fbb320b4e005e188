/** A kept directory's listing on disk: JSON lines of rows, a thousand to each. */
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'
import { ROWS_PER_MESSAGE } from '@tdocker/api/build-session/messages.ts'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'

export async function writeListing(path: string, rows: readonly ListingRow[]): Promise<void> {
  await using file = await open(path, 'w', 0o600)
  for (let at = 0; at < rows.length; at += ROWS_PER_MESSAGE)
    await file.write(`${JSON.stringify(rows.slice(at, at + ROWS_PER_MESSAGE))}\n`)
}

export async function readListing(path: string): Promise<ListingRow[]> {
  const rows: ListingRow[] = []
  const input = createReadStream(path)
  for await (const line of createInterface({ input }))
    for (const row of JSON.parse(line) as ListingRow[]) rows.push(row)
  return rows
}
