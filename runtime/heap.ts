import { getHeapStatistics } from 'node:v8'
import { FiresteelError } from './errors.js'
import { limits } from './limits.js'

const MIB = 1024 * 1024

/** The heap limit that Node gives this process: by the machine, or by --max-old-space-size. */
export const heapLimitBytes = (): number => getHeapStatistics().heap_size_limit

/**
 * Bytes that the records of a Master may take: a share of the heap, but no more than can be read in a short
 * time.
 */
export const recordBudgetBytes = (heapBytes = heapLimitBytes()): number =>
  Math.min(Math.floor(heapBytes * limits.recordHeapShare), limits.recordBytesInAll)

/**
 * Throws HEAP_TOO_SMALL if this heap cannot hold records of so many bytes. This is checked before they are
 * read, because a Master that fails in the middle would start and fail over and over. `place` names the
 * store.
 */
export function requireHeap(storedBytes: number, place: string, heapBytes = heapLimitBytes()): void {
  if (storedBytes <= heapBytes * limits.storeHeapShare) return
  const needed = Math.ceil(storedBytes / limits.recordHeapShare / MIB)
  const [stored, heap] = [Math.ceil(storedBytes / MIB), Math.floor(heapBytes / MIB)]
  const message = `${place} holds at least ${stored} MiB of records, for which a Master needs a heap of ${needed} MiB; this one may have ${heap} MiB.`
  throw new FiresteelError('HEAP_TOO_SMALL', message, {
    place,
    help: `Start it with NODE_OPTIONS=--max-old-space-size=${needed}, on a machine that has as much.`,
  })
}
