import type { VersionRange } from '../version-range.js'

/** The protocols that one side speaks, from the lowest to the highest. */
export type ProtocolRange = VersionRange

/** Raised when a message or frame changes its meaning. */
const PROTOCOL_MAX = 1
/** Raised when support for an older protocol ends: not before two releases have spoken the next one. */
const PROTOCOL_MIN = 1

/** The protocols of this build. */
export const ownProtocols: ProtocolRange = { min: PROTOCOL_MIN, max: PROTOCOL_MAX }

const VERSION_MAX = 0xffff

/** The highest that both speak; undefined: there is none. */
export function commonProtocol(a: ProtocolRange, b: ProtocolRange): number | undefined {
  const highest = Math.min(a.max, b.max)
  return highest >= Math.max(a.min, b.min) ? highest : undefined
}

/** The form in messages and records: `1-2`. */
export const formatProtocols = ({ min, max }: ProtocolRange): string => `${min}-${max}`

/** Reads what any version of `formatProtocols` writes; undefined for anything else. */
export function parseProtocols(text: unknown): ProtocolRange | undefined {
  const [, first, last] = (typeof text === 'string' && /^(\d{1,5})-(\d{1,5})$/.exec(text)) || []
  const range = { min: Number(first), max: Number(last) }
  return first !== undefined && range.min <= range.max && range.max <= VERSION_MAX ? range : undefined
}
