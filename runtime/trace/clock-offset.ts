/**
 * How far a clock is ahead of ours, as far as that is proved: it said `theirMs` between our sending of a question at
 * `sentMs` and its answer at `heardMs`. 0 where the two may agree, else the least that explains it.
 */
export function clockOffsetMs(sentMs: number, theirMs: number, receivedMs: number): number {
  const least = theirMs - receivedMs
  const most = theirMs - sentMs
  if (least > 0) return least
  return Math.min(most, 0)
}
