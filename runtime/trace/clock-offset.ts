/**
 * How far a clock is ahead of ours, as far as that is proved: it showed `theirMs` between our question at
 * `sentMs` and its answer at `receivedMs`. 0 if the two may agree, otherwise the smallest offset that
 * explains it.
 */
export function clockOffsetMs(sentMs: number, theirMs: number, receivedMs: number): number {
  const least = theirMs - receivedMs
  const most = theirMs - sentMs
  if (least > 0) return least
  return Math.min(most, 0)
}
