import { isDescriptorShortage } from './descriptors.js'
import type { GuardLedger } from './guard-ledger.js'
import { type Ended, type FromGuard, removeVerb, startVerb, type ToStart } from './guard-lines.js'
import { preferForOomKill } from './oom-score.js'
import { spawnNow } from './spawn-now.js'
import type { StagedCgroups, Taken } from './staged-cgroups.js'

export interface GuardStartsParts {
  readonly ledger: GuardLedger
  readonly bootMs: () => number
  readonly tell: (message: FromGuard) => void
  /** Undefined: what it starts gets no control group. */
  readonly cgroups: () => StagedCgroups | undefined
}

/** The processes that the guard starts for its Worker. It knows a group from its first moment. */
export class GuardStarts {
  readonly #parts: GuardStartsParts
  /** By pid, until the Worker has taken note of the end of the whole group. */
  readonly #ends = new Map<number, Ended>()

  constructor(parts: GuardStartsParts) {
    this.#parts = parts
  }

  /** Ends that a next Worker process has not heard of. */
  get ends(): readonly Ended[] {
    return [...this.#ends.values()]
  }

  /** False: this line asks for no start. */
  apply(line: string): boolean {
    if (line.startsWith(removeVerb)) this.#ends.delete(Number(line.slice(removeVerb.length)))
    if (!line.startsWith(startVerb)) return false
    const { id, request } = JSON.parse(line.slice(startVerb.length)) as ToStart
    const { ledger, bootMs } = this.#parts
    const { validUntilBootMs } = request
    // The guard, or its Worker, may have been suspended since the start was decided.
    if (validUntilBootMs !== undefined && bootMs() >= validUntilBootMs) {
      this.#tell({ type: 'failed', id, code: 'ETIME', message: 'no leader has answered for too long' })
      return true
    }
    let group = { pid: 0, startTime: '' }
    const cgroups = request.cgroup && this.#parts.cgroups()
    const { path, problem }: Taken = (request.cgroup && cgroups?.take(request.cgroup)) ?? {}
    spawnNow(request, {
      started: ({ pid, startTime }) => {
        group = { pid, startTime }
        preferForOomKill(pid)
        const cgroup = path !== undefined && { cgroup: path }
        ledger.add({ ...group, ...(validUntilBootMs !== undefined && { validUntilBootMs }), ...cgroup })
        this.#tell({ type: 'started', id, ...group, ...cgroup, ...(problem && { cgroupProblem: problem }) })
      },
      failed: (cause) => {
        if (path !== undefined) cgroups?.ended(path)
        this.#tell({ type: 'failed', id, ...failureOf(cause) })
      },
      ended: ({ code, signal }) => {
        const end = { type: 'ended', ...group, code, signal } as const
        this.#ends.set(group.pid, end)
        this.#tell(end)
      },
    })
    // In this turn: nothing may end that group while this process is in it.
    cgroups?.stage()
    return true
  }

  #tell(message: FromGuard): void {
    this.#parts.tell(message)
  }
}

function failureOf(cause: unknown): { code: string; message: string } {
  const { code, message } = cause as NodeJS.ErrnoException
  // The Worker waits for a while if that is the reason.
  const known = isDescriptorShortage(cause) ? 'EMFILE' : (code ?? '')
  return { code: known, message: message ?? String(cause) }
}
