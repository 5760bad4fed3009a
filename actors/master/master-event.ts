/** Events of a Master for the node that runs it. */
export type MasterEvent =
  /** It is ALIVE, or it is a STANDBY and knows the leader. */
  | { readonly event: 'ready' }
  /** It leads this epoch, or it observed that another Master does. The next incarnation starts above it. */
  | { readonly event: 'epoch'; readonly epoch: number; readonly leads?: boolean }
