import { constants } from 'node:os'

/* Ends of processes as one number, as shells report them. */

/** A shell reports 128 and the number of the signal that ended its command. */
const SIGNAL_BASE = 128

/** The number of a signal. Undefined: this system has no signal of that name. */
export const signalNumber = (name: string): number | undefined => constants.signals[name as NodeJS.Signals]

/** The exit code, or 128 and the number of the signal. Undefined if neither is known. */
export function exitStatus(code: number | null, signal: string | null): number | undefined {
  if (code !== null || signal === null) return code ?? undefined
  const number = signalNumber(signal)
  return number === undefined ? undefined : SIGNAL_BASE + number
}

/** The signal that such a number stands for, if it stands for one. */
export const signalOf = (status: number): string | undefined =>
  Object.entries(constants.signals).find(([, number]) => number === status - SIGNAL_BASE)?.[0]
