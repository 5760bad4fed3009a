import { exitStatus } from '../../runtime/process/exit-status.js'
import type { OverMemory } from './worker-events.js'

/** Node prints this before it aborts: `FATAL ERROR: ... JavaScript heap out of memory`. */
const HEAP_FULL = 'heap out of memory'
/** The size of the heap after a collection. Node prints the last ones before it ends. */
const HEAP_AFTER = /-> (\d+)(?:\.\d+)? \(\d+(?:\.\d+)?\) MB/g
/** The exit code of a shell whose command aborted. */
const ABORT_STATUS = exitStatus(null, 'SIGABRT')

/** True: the end may be that of a Node whose heap was full. */
export const mayBeHeapExhaustion = (code: number | null, signal: string | null): boolean =>
  signal === 'SIGABRT' || code === ABORT_STATUS

/** `stderrTail`: the last of what the process wrote there. Undefined: its heap was not full. */
export function heapExhaustion(stderrTail: string, limitMib: number): OverMemory | undefined {
  if (!stderrTail.includes(HEAP_FULL)) return undefined
  const last = [...stderrTail.matchAll(HEAP_AFTER)].at(-1)
  return { by: 'heap', limitMib, ...(last && { usedMib: Number(last[1]) }) }
}
