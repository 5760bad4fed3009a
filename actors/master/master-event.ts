import type { ErrorParts, FiresteelError } from '../../runtime/errors.js'

/** How a Master that led was seen to end: the kernel closed its link, or it said so. */
export type LeaderGone = 'closed' | 'handedOver'

/** What a Master has heard of the others. */
export type HeardEvent =
  /** Another Master leads this epoch. It is told again when a link to the same one is back. */
  | { readonly event: 'leaderObserved'; readonly epoch: number; readonly address: string }
  /** The Master that leads this epoch seems to have ended. It may yet be there. */
  | { readonly event: 'leaderGone'; readonly epoch: number; readonly how: LeaderGone }
  /** The leader says which tokens are in force. */
  | { readonly event: 'tokensInForce'; readonly ids: readonly string[] }
  /** These Masters exist. */
  | { readonly event: 'mastersObserved'; readonly addresses: readonly string[] }

/**
 * What happens to a Master. Its actor emits it. Incarnation, host and node each act on their part and
 * pass all events on, so that each level has one listener.
 */
export type MasterEvent =
  | HeardEvent
  /** It leads this epoch, and recovers. */
  | { readonly event: 'elected'; readonly epoch: number }
  /** Recovery is over: it is ALIVE. */
  | { readonly event: 'alive' }
  /** This keeps it from being elected; undefined: nothing does any more. */
  | { readonly event: 'hindered'; readonly problem: ErrorParts | undefined }
  /**
   * This leadership is over and nothing of it will act again. `handedOver`: in order, and the others were
   * told. `reason`: why, for people.
   */
  | { readonly event: 'revoked'; readonly handedOver: boolean; readonly reason: string }
  /** After a hand-over: another Master is ALIVE. */
  | { readonly event: 'succeeded' }
  /** This process cannot lead, whatever happens: it ends. */
  | { readonly event: 'unrecoverable'; readonly error: FiresteelError }

export type MasterListener = (event: MasterEvent) => void
