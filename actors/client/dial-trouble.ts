import type { DialError } from '../../runtime/transport/dial.js'

/** Why nobody was reached, for people. */
export const dialTrouble = (error: DialError): string =>
  error.refused ? 'nobody listens there' : error.message
