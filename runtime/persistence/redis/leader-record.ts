import { FiresteelError } from '../../errors.js'
import * as z from '../../zod.js'
import type { LeaderRecord, PastElection, Position } from '../engine.js'
import { type FormatRange, requireFormat } from '../store-format.js'

const whole = z.string().regex(/^\d{1,16}$/)
/** One election of `earlier`: EPOCH=EPOCH:SEQ@OWNER. */
const past = /(\d{1,16})=(\d{1,16}:\d{1,16})@([^ ]+)/g
const shape = z.object({
  epoch: whole,
  seq: whole,
  owner: z.string().min(1),
  address: z.string(),
  lock: z.string(),
  mark: z.string().min(1),
  base: z.string().regex(/^\d{1,16}:\d{1,16}$/),
  /** Absent in records of the first builds. */
  earlier: z
    .string()
    .regex(new RegExp(`^(${past.source}( |$))*$`))
    .default(''),
  /** Absent in records of the first builds. */
  protocols: z.string().optional(),
  /** Names the key that seals the records. */
  key: z.string(),
  touched: whole,
  left: z.enum(['0', '1']),
})

export interface ExpectedRecord {
  readonly cluster: string
  readonly formats: FormatRange
  /** Of the key that seals our records. */
  readonly keyId: string
  /** For errors. */
  readonly place: string
}

/**
 * Parses the fields of `:leader` as Redis gives them. Throws if they are not ours: VERSION_UNSUPPORTED,
 * CLUSTER_MISMATCH, STORE_UNREADABLE.
 */
export function parseLeaderRecord(
  flat: readonly string[],
  { cluster, formats, keyId, place }: ExpectedRecord,
): LeaderRecord | undefined {
  if (flat.length === 0) return undefined
  const fields: Record<string, string> = {}
  for (let i = 0; i < flat.length; i += 2) fields[flat[i]!] = flat[i + 1]!
  const { format = '' } = fields
  // Before all else: a later format may have other fields.
  const hasFormat = /^\d{1,16}$/.test(format)
  if (hasFormat) requireFormat(Number(format), formats, 'The state in Redis', place)
  if (fields.cluster !== undefined && fields.cluster !== cluster) {
    throw new FiresteelError(
      'CLUSTER_MISMATCH',
      `The state in Redis belongs to cluster "${fields.cluster}", not "${cluster}".`,
      { place, help: 'Check `cluster` and the address of Redis. Nothing was changed.' },
    )
  }
  const parsed = shape.safeParse(fields)
  if (!hasFormat || fields.cluster === undefined || !parsed.success) {
    throw strange(place)
  }
  if (parsed.data.key !== keyId) {
    throw new FiresteelError('STORE_UNREADABLE', 'The state in Redis was written with another secret.', {
      place,
      help: 'Give this Master the secret of the cluster, or another name of a cluster. Nothing was changed.',
    })
  }
  return { ...recordOf(parsed.data), format: Number(format) }
}

export function strange(key: string): FiresteelError {
  return new FiresteelError('STORE_UNREADABLE', `The leader record in Redis is not one of ours.`, {
    place: key,
    help: 'Something else writes this key. Restore it from a backup or delete it; nothing was changed.',
  })
}

/** Reads EPOCH:SEQ. */
export function parsePosition(text: string): Position {
  const [epoch, seq] = text.split(':')
  return { epoch: Number(epoch), seq: Number(seq) }
}

/** Oldest first. */
export function formatPast(elections: readonly PastElection[]): string {
  return elections.map(({ epoch, owner, base }) => `${epoch}=${base.epoch}:${base.seq}@${owner}`).join(' ')
}

function parsePast(text: string): PastElection[] {
  return [...text.matchAll(past)].map(([, epoch, base = '', owner = '']) => ({
    epoch: Number(epoch),
    owner,
    base: parsePosition(base),
  }))
}

function recordOf(fields: z.infer<typeof shape>): LeaderRecord {
  const epoch = Number(fields.epoch)
  return {
    epoch,
    owner: fields.owner,
    address: fields.address,
    lock: fields.lock,
    position: { epoch, seq: Number(fields.seq) },
    writeId: fields.mark,
    base: parsePosition(fields.base),
    earlier: parsePast(fields.earlier),
    ...(fields.protocols && { protocols: fields.protocols }),
    // Stored in microseconds.
    touchedMs: Number(fields.touched) / 1000,
    left: fields.left === '1',
    ownerGone: false,
  }
}
