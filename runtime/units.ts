import { FiresteelError } from './errors.js'

/** Metrics are in bytes. */
export const MIB_BYTES = 1024 * 1024

const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** Spark's units are binary: `1g` is 1024 MiB. */
const MIB_PER: Readonly<Record<string, number>> = { k: 1 / 1024, m: 1, g: 1024, t: 1024 * 1024 }

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/
const MEMORY = /^(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b)?$/i

/** Longest delay that Node's timers support. A longer one fires at once. */
export const DURATION_MS_MAX = 2 ** 31 - 1

export interface UnitContext {
  /** Name of the option or key, for the message. */
  readonly what: string
  /** Code of the error: CONFIG_INVALID in files, USAGE (default) elsewhere. */
  readonly code?: 'CONFIG_INVALID' | 'USAGE'
}

function refuse(context: UnitContext, value: unknown, wanted: string): never {
  const seen = typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : String(value)
  throw new FiresteelError(context.code ?? 'USAGE', `${context.what} is ${seen}; it must be ${wanted}.`, {
    place: context.what,
  })
}

/**
 * `250ms`, `2.5s`, `1m`, `2h`, `1d` -> milliseconds. A number is milliseconds already. Throws USAGE (or
 * `context.code`) with `context.what`.
 */
export function parseDurationMs(value: string | number, context: UnitContext): number {
  const wanted = 'a duration such as 250ms, 2.5s or 1m, below 24.8 days'
  const ms = typeof value === 'number' ? value : scaled(DURATION.exec(value.trim()), MS_PER)
  if (ms === undefined || !Number.isFinite(ms) || ms < 0 || ms > DURATION_MS_MAX) {
    return refuse(context, value, wanted)
  }
  return Math.round(ms)
}

/** `512m`, `4g` -> MiB (rounded up, at least 1). A number is MiB already. Throws as parseDurationMs does. */
export function parseMemoryMib(value: string | number, context: UnitContext): number {
  const mib = typeof value === 'number' ? value : scaled(MEMORY.exec(value.trim()), MIB_PER)
  if (mib === undefined || !Number.isFinite(mib) || mib <= 0 || mib > Number.MAX_SAFE_INTEGER) {
    return refuse(context, value, 'memory such as 512m or 4g')
  }
  return Math.ceil(mib)
}

/** Milliseconds as people write them, in the largest unit that needs no fraction: 600,000 -> `10m`. */
export function formatDuration(ms: number): string {
  const [unit, each] = Object.entries(MS_PER).findLast(([, size]) => ms >= size && ms % size === 0) ?? [
    'ms',
    1,
  ]
  return `${ms / each}${unit}`
}

/** How long ago, in one unit: `5s`, `3m`, `7h`, `12d`. Clocks may differ a little, so it is never below 0. */
export function formatAge(ms: number): string {
  const units = Object.entries(MS_PER).filter(([name]) => name !== 'ms')
  const [unit, each] = units.findLast(([, size]) => ms >= size) ?? ['s', MS_PER.s as number]
  return `${Math.max(0, Math.floor(ms / each))}${unit}`
}

/** MiB as Spark writes them: 4096 -> `4g`, 512 -> `512m`. */
export function formatMemory(mib: number): string {
  return mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024}g` : `${mib}m`
}

function scaled(match: RegExpExecArray | null, units: Readonly<Record<string, number>>): number | undefined {
  if (!match) return undefined
  const unit = units[match[2]!.toLowerCase()]
  return unit === undefined ? undefined : Number(match[1]) * unit
}
