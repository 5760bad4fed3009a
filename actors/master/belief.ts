import { limits } from '../../runtime/limits.js'

/*
 * Generations and executor ids only count up, and each is durable before it is used. So one above what the store holds is
 * one that the store forgot, or a lie: it is believed as far as a store can have forgotten (limits.launchRise, protocol 5.7).
 */

/** `found`: what the store held at this election, 0 where it held nothing. What was believed since does not raise it. */
export const isBelieved = (claimed: number, found: number): boolean => claimed - found <= limits.launchRise

/**
 * In a record of a lost writes there may be what was believed, and durable, under each leadership that this store forgot.
 * It remembers as many as `pastElections`.
 */
export const isBelievedOfLostWrites = (claimed: number, found: number): boolean =>
  claimed - found <= (limits.pastElections + 2) * limits.launchRise
