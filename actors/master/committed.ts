import type { Cause } from '../../runtime/system/envelope.js'
import type { Position } from '../messages/common.js'
import type { Step } from './step.js'

/** Where traces show that a commit went. The store is one place for all Masters, so it has no address. */
export const STORE_PATH = '/store'

/**
 * Traced where a commit has become durable, once for each message that caused a part of it. It is no message:
 * no actor gets it.
 */
export interface Committed {
  readonly type: 'Committed'
  /** The number of the commit. */
  readonly seq: number
  /** What was written or removed: `TABLE ID`. */
  readonly writes: readonly string[]
}

/** What waits in the commit queue for its step to be durable, for traces. */
export interface Wrote {
  readonly kind: 'wrote'
  readonly writes: readonly string[]
}

export const committed = ({ writes }: Wrote, { seq }: Position): Committed => ({
  type: 'Committed',
  seq,
  writes,
})

/** The writes of a step by their causes. */
export function writesByCause(
  { puts, deletes }: Step,
  causeOf: (id: string) => Cause | undefined,
): { readonly effect: Wrote; readonly cause: Cause | undefined }[] {
  const byId = new Map<number | undefined, { cause: Cause | undefined; writes: string[] }>()
  for (const { table, id } of [...puts, ...deletes]) {
    const cause = causeOf(id)
    const known = byId.get(cause?.id)
    if (known) known.writes.push(`${table} ${id}`)
    else byId.set(cause?.id, { cause, writes: [`${table} ${id}`] })
  }
  return [...byId.values()].map(({ cause, writes }) => ({ effect: { kind: 'wrote', writes }, cause }))
}

const names = (message: object, key: 'driverId' | 'appId', table: string, id: string): boolean => {
  const { [key]: named, writes } = message as Readonly<Record<string, unknown>>
  if (named === id) return true
  return Array.isArray(writes) && (writes.includes(`${table} ${id}`) || writes.includes(`ended ${id}`))
}

/** Whether a message, or a commit, names this driver. */
export const isAboutDriver = (message: object, id: string): boolean =>
  names(message, 'driverId', 'driver', id)

/** Whether a message, or a commit, names this application. */
export const isAboutApplication = (message: object, id: string): boolean => names(message, 'appId', 'app', id)
