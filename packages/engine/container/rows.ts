import type { ContainerConfig, HostConfig } from '@tdocker/api'
import type { Health } from '../health/health.ts'
import { loadHealth } from '../health/health-rows.ts'
import { sql, type Statement, type Store } from '../store/store.ts'
import { type Container, type ContainerDetail, isRunning, type StoredState } from './container.ts'

/** Names of containers on their way out are free for others: NULL in the unique column. */
export function insertRow(c: Container, bootId: string): Statement {
  return sql`INSERT INTO container(id, name, image_id, created_at, config_json, host_config_json,
    detail_json, state, boot_id) VALUES (${c.id}, ${c.name}, ${c.imageId}, ${c.createdNs},
    ${JSON.stringify(c.config)}, ${JSON.stringify(c.hostConfig)}, ${JSON.stringify(c.detail)},
    ${c.state}, ${bootId})`
}

/** Everything that changes after create. */
export function updateRow(
  c: Container,
  bootId: string,
  o: { removing: boolean } = { removing: c.removing && !isRunning(c) },
): Statement {
  const state = o.removing && c.state !== 'dead' ? 'removing' : c.state
  return sql`UPDATE container SET name = ${c.name}, state = ${state}, pid = ${c.pid},
    exit_code = ${c.exitCode}, error = ${c.error}, oom_killed = ${c.oomKilled ? 1 : 0},
    started_at = ${c.startedNs ?? null}, finished_at = ${c.finishedNs ?? null},
    restart_count = ${c.restartCount}, boot_id = ${bootId},
    detail_json = ${JSON.stringify(c.detail)} WHERE id = ${c.id}`
}

export function updateHostConfigRow(id: string, hostConfig: HostConfig): Statement {
  return sql`UPDATE container SET host_config_json = ${JSON.stringify(hostConfig)} WHERE id = ${id}`
}

export function updateConfigRow(c: Container): Statement {
  return sql`UPDATE container SET config_json = ${JSON.stringify(c.config)} WHERE id = ${c.id}`
}

export function deleteRow(id: string): Statement {
  return sql`DELETE FROM container WHERE id = ${id}`
}

interface ContainerRow {
  id: string
  name: string | null
  image_id: string
  created_at: number | bigint
  config_json: string
  host_config_json: string
  detail_json: string
  state: StoredState | 'creating'
  pid: number
  exit_code: number
  error: string
  oom_killed: number
  started_at: number | bigint | null
  finished_at: number | bigint | null
  restart_count: number
  boot_id: string
}

export interface StoredContainer {
  container: Container
  state: StoredState | 'creating'
  bootId: string
}

export function loadRows(store: Store): StoredContainer[] {
  const health = loadHealth(store)
  return store.all<ContainerRow>('SELECT * FROM container ORDER BY created_at').map((row) => ({
    container: fromRow(row, health.get(row.id)),
    state: row.state,
    bootId: row.boot_id,
  }))
}

function fromRow(row: ContainerRow, health: Health | undefined): Container {
  const time = (value: number | bigint | null): bigint | undefined =>
    value === null ? undefined : BigInt(value)
  return {
    ...blankState(),
    id: row.id,
    name: row.name ?? '',
    imageId: row.image_id,
    createdNs: BigInt(row.created_at),
    config: JSON.parse(row.config_json) as ContainerConfig,
    hostConfig: JSON.parse(row.host_config_json) as HostConfig,
    detail: JSON.parse(row.detail_json) as ContainerDetail,
    state: row.state === 'creating' ? 'dead' : row.state,
    pid: row.pid,
    exitCode: row.exit_code,
    error: row.error,
    oomKilled: row.oom_killed !== 0,
    startedNs: time(row.started_at),
    finishedNs: time(row.finished_at),
    restartCount: row.restart_count,
    health,
  }
}

type BlankState = Omit<
  Container,
  'id' | 'name' | 'imageId' | 'createdNs' | 'config' | 'hostConfig' | 'detail'
>

/** A container that was just created. */
export function blankState(): BlankState {
  return {
    state: 'created',
    removing: false,
    pid: 0,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedNs: undefined,
    finishedNs: undefined,
    restartCount: 0,
    lowers: undefined,
    live: undefined,
    pendingClients: [],
    execs: new Set(),
    launches: new Set(),
    restart: { delayMs: 0, timer: undefined, cancelled: false },
    health: undefined,
    monitor: undefined,
    manualRestart: false,
    stopAsked: false,
    reconciled: undefined,
    waiters: { stop: new Set(), removed: new Set() },
  }
}
