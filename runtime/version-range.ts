/** Versions of one thing that a release knows, from the lowest to the highest. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

export const isWithin = ({ min, max }: VersionRange, version: number): boolean =>
  version >= min && version <= max

/** `2`, or `1 to 2`, for people. */
export const describeRange = ({ min, max }: VersionRange): string =>
  min === max ? String(max) : `${min} to ${max}`
