import type { Envelope, Sink } from '../../runtime/system/envelope.js'
import type { TraceRecord } from '../../runtime/trace/record.js'

export const pathOf = (place: string, actor = 'Master'): string => `firesteel://demo@${place}/user/${actor}`

let nextId = 1

export function envelopeOf(parts: Partial<Envelope> & { readonly type?: string } = {}): Envelope {
  const { type = 'Note', ...rest } = parts
  const id = parts.id ?? nextId++
  return {
    from: pathOf('a:1'),
    to: pathOf('a:1', 'Worker'),
    message: { type },
    id,
    trace: id,
    epoch: 1,
    ...rest,
  }
}

export const sinkOf = (incarnation: string, place: string): Sink => ({
  path: `firesteel://demo@${place}`,
  incarnation,
  send: () => true,
})

export function recordOf(parts: Partial<TraceRecord> & Pick<TraceRecord, 'id' | 'direction'>): TraceRecord {
  return {
    at: 0,
    trace: parts.id,
    from: pathOf('a:1'),
    to: parts.direction === 'local' ? pathOf('a:1', 'Worker') : pathOf('b:2', 'Worker'),
    message: `m${parts.id}`,
    epoch: 1,
    ...parts,
  }
}
