import type { ErrorParts, FiresteelError } from '../../runtime/errors.js'

/**
 * What happens to a Master. Its actor emits it. Incarnation, host and node each act on their part and
 * pass all events on, so that each level has one listener.
 */
export type MasterEvent =
  /** It leads this epoch, and recovers. */
  | { readonly event: 'elected'; readonly epoch: number }
  /** Recovery is over: it is ALIVE. */
  | { readonly event: 'alive' }
  /** Another Master leads this epoch. */
  | { readonly event: 'leaderObserved'; readonly epoch: number }
  /** This keeps it from being elected; undefined: nothing does any more. */
  | { readonly event: 'hindered'; readonly problem: ErrorParts | undefined }
  /** These Masters exist. */
  | { readonly event: 'mastersObserved'; readonly addresses: readonly string[] }
  /**
   * This leadership is over and nothing of it will act again. `handedOver`: in order, and the others were
   * told.
   */
  | { readonly event: 'revoked'; readonly handedOver: boolean }
  /** After a hand-over: another Master leads. */
  | { readonly event: 'succeeded' }
  /** This process cannot lead, whatever happens: it ends. */
  | { readonly event: 'unrecoverable'; readonly error: FiresteelError }

export type MasterListener = (event: MasterEvent) => void
