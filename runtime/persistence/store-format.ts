import { FiresteelError } from '../errors.js'
import { describeRange, isWithin, type VersionRange } from '../version-range.js'

/*
 * The format of a store: one number for Redis and files, because what changes between releases is nearly
 * always what the records say, and they say the same in every store. The store has it; the leader goes on
 * writing just that, until it is asked to raise it (protocol 13.1).
 */

/**
 * The formats that one release can go on writing, from the lowest to the highest. It reads lower ones too.
 */
export type FormatRange = VersionRange

/** Raised when keys, files or records change in a way that an older release would misread. */
const FORMAT_MAX = 1
/** Raised when a release can no longer write an older format: not before two releases have known the next. */
const FORMAT_MIN = 1

/** The formats of this build. */
export const ownFormats: FormatRange = { min: FORMAT_MIN, max: FORMAT_MAX }

/** What a Master knows that does not say it. */
export const firstFormats: FormatRange = { min: 1, max: 1 }

/** Throws VERSION_UNSUPPORTED unless a store of this format can be led. `what` begins the sentence. */
export function requireFormat(format: number, known: FormatRange, what: string, place: string): void {
  if (isWithin(known, format)) return
  throw new FiresteelError(
    'VERSION_UNSUPPORTED',
    `${what} has format ${format}; this Firesteel knows ${describeRange(known)}.`,
    {
      place,
      help:
        format > known.max
          ? 'Run the newer Firesteel that wrote it. Nothing was changed.'
          : 'Run the release before this one, and `firesteel upgrade FILE --finish` with it. Nothing was changed.',
    },
  )
}

/**
 * The format that an empty store gets. A new cluster begins with the highest. Where others have led before,
 * the store was lost: then it gets what it had, as far as this process knows it, else the lowest, because
 * Masters of the release before may be there, and must be able to lead.
 */
export const formatOfEmpty = (
  known: FormatRange,
  { before, isLost }: { readonly before: number | undefined; readonly isLost: boolean },
): number => before ?? (isLost ? known.min : known.max)
