/**
 * How a link ended. `closed-by-peer` and `reset` are told by the peer's kernel (FIN, RST): witness 1 of
 * protocol 5.5.
 */
export type LinkEndKind =
  | 'closed-by-peer'
  | 'reset'
  /** Nothing came for deadMs, or the network gave up. This says nothing about whether the peer lives. */
  | 'silent'
  | 'local'
  /** A newer link to the same incarnation took its place (protocol R3). */
  | 'replaced'
  /** The peer sent bytes that are not a frame. */
  | 'invalid'
  /** Our side went on sending after it was told to stop. */
  | 'overflow'

export interface LinkEnd {
  readonly kind: LinkEndKind
  /** Text for people and logs. */
  readonly detail: string
}

const resetCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])

export function endOfError(error: NodeJS.ErrnoException): LinkEnd {
  const code = error.code ?? error.message
  return resetCodes.has(code) ? { kind: 'reset', detail: code } : { kind: 'silent', detail: code }
}

/** The process at the other end may be gone, because its kernel ended the link. */
export const closedByKernel = (end: LinkEndKind): boolean => end === 'closed-by-peer' || end === 'reset'
