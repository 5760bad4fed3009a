import { limits } from '../../../runtime/limits.js'

/*
 * Generations and executor ids only count up, and each is durable before it is used. A number above the
 * stored one was either forgotten by the store or is false. It is believed up to `limits.launchRise` above
 * (protocol 5.7).
 */

/** `found` is what the store held at this election, or 0. Numbers believed since then do not raise it. */
export const isBelieved = (claimed: number, found: number): boolean => claimed - found <= limits.launchRise

/**
 * The same for a record of lost writes. Under each leadership that this store forgot, believed numbers may
 * have become durable. The store remembers `pastElections` of them.
 */
export const isBelievedOfLostWrites = (claimed: number, found: number): boolean =>
  claimed - found <= (limits.pastElections + 2) * limits.launchRise
