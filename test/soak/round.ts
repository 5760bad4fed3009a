import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from './draw.js'
import type { FaultName } from './fault-names.js'
import type { Fault } from './faults/fault.js'
import { type Assessment, Judge } from './judge.js'
import type { Sampler } from './sampler.js'
import type { SoakContext } from './soak-context.js'
import type { Work } from './work.js'

export interface RoundReport extends Assessment {
  readonly number: number
  readonly fault: FaultName
  readonly what: string
  /** Why this machine does not allow the fault. The round did nothing then. */
  readonly skipped: string | undefined
  /** How long the whole round took. */
  readonly tookMs: number
}

/** Runs one round after another on a cluster. */
export class Rounds {
  readonly #context: SoakContext
  readonly #judge: Judge

  constructor(context: SoakContext, work: Work, sampler: Sampler) {
    this.#context = context
    this.#judge = new Judge(context, work, sampler)
  }

  /** Checks everything without a fault. Later checks are compared with it. */
  begin(): Promise<void> {
    return this.#judge.begin()
  }

  /** Rejects if the cluster does not answer any more. */
  async round(number: number, fault: Fault, random: Random): Promise<RoundReport> {
    const fromMs = performance.now()
    this.#judge.stir(random)
    const blow = await fault.strike(this.#context, random)
    const skipped = typeof blow === 'string' ? blow : undefined
    if (typeof blow !== 'string') {
      await delay(blow.holdMs)
      await blow.heal()
    }
    const assessment = await this.#judge.assess(typeof blow === 'string' ? undefined : blow)
    return {
      number,
      fault: fault.name,
      what: typeof blow === 'string' ? 'nothing' : blow.what,
      skipped,
      ...assessment,
      tookMs: performance.now() - fromMs,
    }
  }
}
