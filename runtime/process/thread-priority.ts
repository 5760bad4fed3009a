import { readlinkSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'

/**
 * Gives the calling thread this nice value, or leaves it that of its process if that is higher. Other threads
 * then get a processor before it. On Linux each thread has a priority of its own, and `setpriority` takes the
 * id of a thread for that of a process. Elsewhere, or where the thread cannot learn its id, nothing changes.
 */
export async function lowerThreadPriority(nice: number): Promise<void> {
  // The first use of Node's thread pool makes its threads, and they take over the priority of their maker.
  // The whole process uses that pool, so it is made before.
  await stat('/').catch(() => undefined)
  try {
    const [pid, , thread] = readlinkSync('/proc/thread-self').split('/').map(Number)
    // In a container with the /proc of its host, the ids are those of other processes.
    if (thread !== undefined && pid === process.pid) setPriority(thread, Math.max(nice, getPriority()))
  } catch {
    // No /proc, or a system that forbids it.
  }
}
