import type { DialError } from '../../runtime/transport/dial.js'

/** Why nobody was reached, for people. */
export const dialProblem = (error: DialError): string =>
  error.refused ? 'nobody listens there' : error.message
