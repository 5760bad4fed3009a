import { FiresteelError } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'

/* When `each` stops, in the forms of GNU parallel. Pure. */

export interface HaltPolicy {
  /** `soon`: start no more. `now`: also end what runs. */
  readonly when: 'now' | 'soon'
  readonly of: 'fail' | 'success' | 'done'
  /** Ends of this kind, or percents of all commands. */
  readonly most: { readonly count: number } | { readonly percent: number }
}

/**
 * `never`, `N` (as `now,fail=N`), or `now|soon,fail|success|done=N|N%`. Undefined: never. Throws USAGE.
 */
export function parseHalt(text: string): HaltPolicy | undefined {
  if (text === 'never') return undefined
  const found = /^(?:(now|soon),(fail|success|done)=)?(\d{1,9})(%)?$/.exec(text)
  const [, when, of, digits, percent] = found ?? []
  const number = Number(digits)
  const isRight = found !== null && number >= 1 && (!percent || (when !== undefined && number <= 100))
  if (!isRight) {
    throw new FiresteelError('USAGE', 'It must be never, N, or now|soon,fail|success|done=N|N%.')
  }
  return {
    when: (when ?? 'now') as HaltPolicy['when'],
    of: (of ?? 'fail') as HaltPolicy['of'],
    most: percent ? { percent: number } : { count: number },
  }
}

/** Counts ends, and tells once that the policy holds. */
export class Halt {
  readonly #policy: HaltPolicy | undefined
  #failed = 0
  #succeeded = 0
  #reached = false

  constructor(policy: HaltPolicy | undefined) {
    this.#policy = policy
  }

  get reached(): boolean {
    return this.#reached
  }

  /** `total`: all commands. It counts only for percents. */
  add(hasFailed: boolean, total: number): HaltPolicy['when'] | undefined {
    if (hasFailed) this.#failed++
    else this.#succeeded++
    const policy = this.#policy
    if (policy === undefined || this.#reached || !this.#holds(policy, total)) return undefined
    this.#reached = true
    return policy.when
  }

  #holds({ of, most }: HaltPolicy, total: number): boolean {
    const done = this.#failed + this.#succeeded
    const count = of === 'fail' ? this.#failed : of === 'success' ? this.#succeeded : done
    if ('count' in most) return count >= most.count
    return count >= innerLimits.eachHaltLeast && count * 100 >= most.percent * total
  }
}
