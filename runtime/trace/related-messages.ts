import type { Envelope } from '../system/envelope.js'
import type { Message } from '../system/ref.js'
import type { TracedMessage } from './merged-trace.js'
import type { TraceEntry } from './record.js'
import { withRelatives } from './relatives.js'
import type { TraceRing } from './ring.js'

export interface RelatedLimits {
  /** The first so many. To build one costs some microseconds, and a ring holds thousands. */
  readonly most: number
  /** Without what actors send to themselves. */
  readonly toOthers?: boolean
}

/**
 * The messages of one ring that are about something, what led to them and what they led to, in the order in
 * which this process saw them. It looks at each message of the ring twice, and builds only what it returns.
 */
export function relatedMessages(
  ring: TraceRing,
  isAbout: (message: Message) => boolean,
  { most, toOthers = false }: RelatedLimits,
): TracedMessage[] {
  const parents = new Map<number, number | undefined>()
  const named = new Set<number>()
  ring.snapshot(({ id, parent, message }) => {
    parents.set(id, parent)
    if (isAbout(message)) named.add(id)
    return false
  })
  const related = withRelatives(parents, named)
  let left = most
  const isShown = ({ id, from, to }: Envelope): boolean =>
    related.has(id) && !(toOthers && from === to) && left-- > 0
  return ring.snapshot(isShown).map(messageOf)
}

/** The first `most` messages of one ring that belong to a trace, as this process saw them. */
export function messagesOfTrace(ring: TraceRing, trace: number, most: number): TracedMessage[] {
  let left = most
  return ring.snapshot((envelope) => envelope.trace === trace && left-- > 0).map(messageOf)
}

const messageOf = ({ at, parent, bytes, tookUs, ...entry }: TraceEntry): TracedMessage => ({
  ...entry,
  atMs: at,
  parent,
  bytes,
  tookUs,
})
