import { drainText } from '../../../actors/messages/drain-text.js'
import { exitText } from '../../../actors/messages/driver-life-text.js'
import type {
  ApplicationView,
  DriverStatus,
  MasterStateResponse,
  WorkerStatus,
} from '../../../actors/messages/status.js'
import { formatHostPort } from '../../addresses.js'
import { printable } from '../../observe/printable.js'
import { formatAge, formatMemory } from '../../units.js'
import { type Cell, type Row, tableWithin } from './text-table.js'

/*
 * `status` for people: what runs first, within the width of their window. Pure, made from a Master's
 * snapshot.
 */

/** The window that shows it. Without a terminal it has 80 columns and no last line. */
export interface Window {
  readonly columns: number
  readonly rows: number
}

export const PAPER: Window = { columns: 80, rows: Number.POSITIVE_INFINITY }

interface Now {
  readonly nowMs: number
  readonly columns: number
}

const used = (amount: number, all: number): string => `${amount}/${all}`

/** Live ones before ended ones, running ones before all others, and the newest of each first. */
function inOrder<T extends { readonly state: string; readonly submittedAtMs: number }>(
  live: readonly T[],
  ended: readonly T[],
): T[] {
  const rank = ({ state }: T): number => (state === 'RUNNING' ? 0 : 1)
  const newest = (a: T, b: T): number => b.submittedAtMs - a.submittedAtMs
  const first = [...live].sort((a, b) => rank(a) - rank(b) || newest(a, b))
  return [...first, ...[...ended].sort(newest)]
}

const workerRow = (worker: WorkerStatus): Row => [
  worker.name,
  formatHostPort(worker),
  worker.suspect ? `${worker.state} (silent)` : worker.state,
  used(worker.coresUsed, worker.cores),
  `${formatMemory(worker.memoryMibUsed)}/${formatMemory(worker.memoryMib)}`,
]

const applicationRow = (app: ApplicationView, nowMs: number): Row => [
  app.id,
  app.description.name,
  app.state,
  formatAge(nowMs - app.submittedAtMs),
  app.coresGranted,
  app.executors.length,
]

function driverRow(driver: DriverStatus, names: ReadonlyMap<string, string>, nowMs: number): Row {
  const { id, description, state, submittedAtMs, worker } = driver
  const on = worker === null ? '-' : (names.get(worker) ?? worker)
  return [id, description.name, state, formatAge(nowMs - submittedAtMs), on]
}

/** Why it waits or how it ended, and how often it was started again. */
function driverNote({ message, restarts = 0, lastExit }: DriverStatus): string {
  const times = restarts === 1 ? 'once' : `${restarts} times`
  const last = lastExit ? `; the last process ended: ${exitText(lastExit)}` : ''
  const restarted = restarts === 0 ? '' : `restarted ${times}${last}`
  return [restarted, message].filter((text) => text !== '').join('; ')
}

interface Section<T> {
  readonly title: string
  readonly header: readonly string[]
  readonly items: readonly T[]
  readonly rowOf: (item: T) => Row
  readonly noteOf?: (item: T) => string
  /** Columns that are cut if the rows are too wide. */
  readonly flexible: readonly number[]
}

function section<T>(
  { title, header, items, rowOf, noteOf, flexible }: Section<T>,
  { columns }: Now,
): string[] {
  if (items.length === 0) return ['', `${title}: none`]
  const notes = items.map((item) => printable(noteOf?.(item) ?? ''))
  return ['', `${title}:`, ...tableWithin({ header, rows: items.map(rowOf), notes, flexible, columns })]
}

const DEPLOYMENT_WORDS = {
  APPLYING: 'is being applied',
  APPLIED: 'was applied',
  FAILED: 'failed',
  INTERRUPTED: 'was interrupted',
} as const

function deploymentLine(
  { number, state, by, startedAtMs }: NonNullable<MasterStateResponse['deployment']>,
  nowMs: number,
): string {
  return `Deployment ${number} ${DEPLOYMENT_WORDS[state]}: by ${by}, begun ${formatAge(nowMs - startedAtMs)} ago`
}

export function statusText(state: MasterStateResponse, nowMs: number, window: Window = PAPER): string {
  const now: Now = { nowMs, columns: window.columns }
  const names = new Map(state.workers.map(({ id, name }) => [id, name]))
  const stale = state.stale ? ' (from memory: the store is away)' : ''
  const { cluster, position, leader } = state
  const lines = [
    printable(`Cluster ${cluster}, epoch ${position.epoch}, leader ${leader ?? 'none'}${stale}`),
    ...(state.deployment ? [printable(deploymentLine(state.deployment, nowMs))] : []),
    ...section(
      {
        title: 'Masters',
        header: ['ADDRESS', 'STATE'],
        items: state.masters,
        rowOf: ({ address, state: of }): readonly Cell[] => [address, of],
        flexible: [],
      },
      now,
    ),
    ...section(
      {
        title: 'Workers',
        header: ['NAME', 'ADDRESS', 'STATE', 'CORES', 'MEMORY'],
        items: state.workers,
        rowOf: workerRow,
        noteOf: ({ drain }) => (drain ? drainText(drain, nowMs) : ''),
        flexible: [0, 1],
      },
      now,
    ),
    ...section(
      {
        title: 'Applications',
        header: ['ID', 'NAME', 'STATE', 'AGE', 'CORES', 'EXECUTORS'],
        items: inOrder(state.activeApps, state.completedApps),
        rowOf: (app) => applicationRow(app, nowMs),
        noteOf: ({ message }) => message,
        flexible: [1],
      },
      now,
    ),
    ...section(
      {
        title: 'Drivers',
        header: ['ID', 'NAME', 'STATE', 'AGE', 'WORKER'],
        items: inOrder(state.activeDrivers, state.completedDrivers),
        rowOf: (driver) => driverRow(driver, names, nowMs),
        noteOf: driverNote,
        flexible: [1, 4],
      },
      now,
    ),
  ]
  return `${withinRows(lines, window.rows).join('\n')}\n`
}

/** What runs comes first, so the end is left out. */
export function withinRows(lines: readonly string[], rows: number): readonly string[] {
  // The line after the last one belongs to the cursor.
  if (lines.length < rows) return lines
  const shown = Math.max(1, rows - 2)
  return [...lines.slice(0, shown), `... ${lines.length - shown} more lines`]
}
