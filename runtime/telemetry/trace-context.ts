import { innerLimits } from '../inner-limits.js'

/*
 * The context of W3C Trace Context: which span of which trace led here. It crosses processes as the two texts
 * of the recommendation, in envelopes, in records, with tasks, and in the environment of programs.
 */

export interface TraceContext {
  /** `00-TRACE_ID-SPAN_ID-FLAGS`. */
  readonly traceparent: string
  /** What tracing systems add for themselves. */
  readonly tracestate?: string
}

/** The names in the environment of a process. */
export const TRACEPARENT = 'TRACEPARENT'
export const TRACESTATE = 'TRACESTATE'

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const MEMBER =
  /^[a-z0-9][a-z0-9_\-*/]{0,240}(@[a-z][a-z0-9_\-*/]{0,13})?=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}$/
export const NO_TRACE = '0'.repeat(32)
export const NO_SPAN = '0'.repeat(16)

/**
 * The context that a peer or an environment gives; undefined where there is none. A malformed one is dropped
 * and never an error, because tracing must not break what it watches. A later version of the format is read
 * as far as this one goes, as the recommendation says.
 */
export function traceContextOf(traceparent: unknown, tracestate?: unknown): TraceContext | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > innerLimits.traceStateChars) return undefined
  const [, version, traceId, spanId, flags, more] = PARENT.exec(traceparent) ?? []
  if (traceId === undefined || traceId === NO_TRACE || spanId === NO_SPAN || version === 'ff')
    return undefined
  if (version === '00' && more !== undefined) return undefined
  const state = stateOf(tracestate)
  const parent = `00-${traceId}-${spanId}-${flags}`
  return state === undefined ? { traceparent: parent } : { traceparent: parent, tracestate: state }
}

/** A list with one malformed member is dropped whole. */
function stateOf(tracestate: unknown): string | undefined {
  if (typeof tracestate !== 'string' || tracestate.length > innerLimits.traceStateChars) return undefined
  const members = tracestate
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
  if (members.length === 0 || members.length > innerLimits.traceStateMembers) return undefined
  return members.every((member) => MEMBER.test(member)) ? members.join(',') : undefined
}

/** From a message or a record, where it may be anything. */
export function readContext(value: unknown): TraceContext | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { traceparent, tracestate } = value as { traceparent?: unknown; tracestate?: unknown }
  return traceContextOf(traceparent, tracestate)
}

/** From the environment of this process. */
export function traceContextFrom(
  environment: Readonly<Record<string, string | undefined>>,
): TraceContext | undefined {
  return traceContextOf(environment[TRACEPARENT], environment[TRACESTATE])
}

/** For the environment of a program. A former context is not left beside the new one. */
export function traceEnvironment(context: TraceContext | undefined): Record<string, string | undefined> {
  if (context === undefined) return {}
  const { traceparent, tracestate } = context
  return { [TRACEPARENT]: traceparent, [TRACESTATE]: tracestate }
}

/** The trace that it is in, as tools for traces show it. */
export const traceIdOf = ({ traceparent }: TraceContext): string => traceparent.slice(3, 35)

/** True: its trace is recorded. */
export const isSampled = ({ traceparent }: TraceContext): boolean =>
  (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1
