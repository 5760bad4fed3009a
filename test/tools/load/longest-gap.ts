/**
 * The longest time between two results that overlaps the time from `fromMs` to `toMs`. `times` ascend. If no
 * result is as late as `toMs`, the last gap counts up to there.
 */
export function longestGap(times: readonly number[], fromMs: number, toMs: number): number {
  let before = fromMs
  let longest = 0
  for (const time of times) {
    if (time > fromMs) longest = Math.max(longest, time - before)
    before = time
    if (time >= toMs) return longest
  }
  return Math.max(longest, toMs - before)
}
