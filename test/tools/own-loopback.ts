/** Hosts of one process: `pid` counts in steps of this many addresses. */
const BLOCK = 16
const PIDS = 2 ** 20

/**
 * Addresses of the loopback that no other process uses, at most 14: so the nodes of two tests, or of two runs
 * of all tests on one machine, have their usual ports. Only Linux has all of 127.0.0.0/8 unasked.
 */
export function ownLoopback(count: number): string[] {
  if (count > BLOCK - 2) throw new RangeError(`${count} hosts, and a process has ${BLOCK - 2}`)
  return Array.from({ length: count }, (_, index) => {
    const number = (process.pid % PIDS) * BLOCK + 1 + index
    return `127.${number >> 16}.${(number >> 8) & 0xff}.${number & 0xff}`
  })
}
