/*
 * What a LeaderElectionAgent needs beside the persistence engine. The lock says which STANDBY may try to change the
 * leader record, no more (protocol 1): none of this carries safety.
 */

/** The lock, on one or several servers. Every call ends within lease/4: it answers or rejects. */
export interface LeaderLock {
  /** Milliseconds until it runs out, whoever holds it (median of the servers); 0: free. Rejects without a majority. */
  remainingMs(): Promise<number>
  /**
   * Value of the lock that is ours now, for one lease; undefined: another holds it. Rejects without a majority. A success
   * that comes after the call was given up is released again.
   */
  acquire(): Promise<string | undefined>
  /**
   * For one more lease from now, also where it had run out or was forgotten and nobody took it. False: another has it.
   * Rejects without a majority.
   */
  extend(value: string): Promise<boolean>
  /** Compare-and-delete on every server: a newer lock stays. Who is not reached does not matter; never rejects. */
  release(value: string): Promise<void>
}

/** Which owners have a connection to the data store: witness 3 of an early take-over (protocol 5.5). */
export interface Presence {
  /** From now until `leave`, over reconnections, others count us. Resolves once they do. */
  join(owner: string): Promise<void>
  leave(owner: string): Promise<void>
  /** Connections of this owner; rejects when the store does not answer within lease/4. */
  count(owner: string): Promise<number>
}

/** Tells of each connection to a store or lock server that came back: the server may have lost the lock (protocol 5.2). */
export interface Reconnections {
  /** Gives what ends the listening. Not called for the first connection. */
  onReconnected(listener: () => void): () => void
}
