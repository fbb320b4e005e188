import type { HealthcheckResult } from '@tdocker/api'
import type { Container } from '../container/container.ts'
import { sql, type Statement, type Store } from '../store/store.ts'
import type { Health } from './health.ts'

/** Statements for the state as it is; none for a container without a check. */
export function saveHealth(c: Container): Statement[] {
  if (!c.health) return []
  const { status, failingStreak, log } = c.health
  // From a SELECT, so that a probe that ends beside the container's removal writes nothing.
  return [
    sql`INSERT INTO health(container_id, status, failing_streak, log_json)
      SELECT id, ${status}, ${failingStreak}, ${JSON.stringify(log)} FROM container
      WHERE id = ${c.id}
      ON CONFLICT(container_id) DO UPDATE SET status = excluded.status,
        failing_streak = excluded.failing_streak, log_json = excluded.log_json`,
  ]
}

interface HealthRow {
  container_id: string
  status: Health['status']
  failing_streak: number
  log_json: string
}

/** By container id. */
export function loadHealth(store: Store): Map<string, Health> {
  const rows = store.all<HealthRow>('SELECT * FROM health')
  return new Map(
    rows.map((row) => [
      row.container_id,
      {
        status: row.status,
        failingStreak: row.failing_streak,
        log: JSON.parse(row.log_json) as HealthcheckResult[],
      },
    ]),
  )
}

/** Nanoseconds since 1970 of a time in the log. */
export function parseStoredTime(text: string | undefined): bigint | undefined {
  const match = /^(.*?)(?:\.(\d+))?Z$/.exec(text ?? '')
  if (!match) return undefined
  const milliseconds = Date.parse(`${match[1]}Z`)
  if (Number.isNaN(milliseconds)) return undefined
  return BigInt(milliseconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'))
}
