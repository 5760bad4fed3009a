import type { DialError } from '../../runtime/transport/dial.js'

/** Why an address was not reached, for people. */
export const dialProblem = (error: DialError): string =>
  error.refused ? 'nothing listens there' : error.message
