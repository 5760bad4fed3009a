import { FiresteelError } from 'firesteel'

/** Parses a whole number from the command line. Throws USAGE. */
export function wholeNumber(text: string | undefined, what: string, preset: number, least = 1): number {
  if (text === undefined) return preset
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least) return value
  throw new FiresteelError('USAGE', `${what} is ${text}; it must be a whole number from ${least}.`, {
    help: 'See the first lines of the example.',
  })
}
