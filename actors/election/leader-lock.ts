/*
 * What a LeaderElectionAgent needs beside the persistence engine. The lock only says which STANDBY may try to
 * change the leader record (protocol 1). Safety rests on none of this.
 */

/** The lock, on one or several servers. Every call answers or rejects within lease/4. */
export interface LeaderLock {
  /**
   * Milliseconds until the lock runs out, whatever its holder (median of the servers); 0: free. Needs a
   * majority.
   */
  remainingMs(): Promise<number>
  /**
   * Takes the lock for one lease and returns its value; undefined: another Master holds it. Rejects without a
   * majority. A success that comes after the call was given up is released again. Nobody can guess the value:
   * with it a STANDBY proves that it reads the store (protocol 13.2).
   */
  acquire(): Promise<string | undefined>
  /**
   * Extends the lock by one lease from now, also if it had run out or was forgotten and is free. False:
   * another Master holds it. Rejects without a majority.
   */
  extend(value: string): Promise<boolean>
  /**
   * Deletes this value on every server, so a newer lock stays. Unreachable servers do not matter; it never
   * rejects.
   */
  release(value: string): Promise<void>
}

/** Counts the connections of owners to the data store: witness 3 of an early take-over (protocol 5.5). */
export interface Presence {
  /**
   * Makes this owner countable until `leave`, over reconnections. Resolves once other Masters can count it.
   */
  join(owner: string): Promise<void>
  leave(owner: string): Promise<void>
  /** Number of connections of this owner. Rejects if the store does not answer within lease/4. */
  count(owner: string): Promise<number>
}

/**
 * Reports each restored connection to a store or lock server: the server may have lost the lock (protocol
 * 5.2).
 */
export interface Reconnections {
  /** Returns a function that removes the listener. The first connection is not reported. */
  onReconnected(listener: () => void): () => void
}
