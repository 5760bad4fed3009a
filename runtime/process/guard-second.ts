import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { addLine, type GuardedGroup, graceLine, removeLine } from './guard-ledger.js'
import { type LineLink, lineLink } from './line-link.js'

/**
 * A second guard, while a Worker restarts as announced and only the first one knows what it runs. To it the
 * first guard is what a Worker is to a guard: if that is killed, the second one ends all.
 */
export class SecondGuard {
  #link: LineLink | undefined
  #groups: readonly GuardedGroup[] = []

  /** What is in the pipe counts from now on, even before the second guard has begun to read. */
  begin(groups: readonly GuardedGroup[]): void {
    this.end()
    if (groups.length === 0) return
    const [program = '', ...names] = process.argv.slice(1)
    try {
      const spawned = spawn(process.execPath, [program, ...names], {
        cwd: '/',
        detached: true,
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      })
      // Without a second guard the first one does as well as it can.
      spawned.on('error', () => undefined)
      if (spawned.pid === undefined) return
      this.#link = lineLink(spawned.stdio[3] as Duplex, () => undefined)
    } catch {
      return
    }
    this.#groups = groups
    this.#link.write(graceLine(0))
    for (const group of groups) this.#link.write(addLine(group))
  }

  /** The next Worker process is there, or the restart does not take place. */
  end(): void {
    for (const { pid } of this.#groups) this.#link?.write(removeLine(pid))
    this.#link?.end()
    this.#link = undefined
    this.#groups = []
  }
}
