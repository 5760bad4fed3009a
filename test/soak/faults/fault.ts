import type { Random, Shape } from '../draw.js'
import type { FaultName } from '../fault-names.js'
import type { SoakContext } from '../soak-context.js'

/** What was done, and how it is undone. */
export interface Blow {
  /** For people: who suffers what, for how long. */
  readonly what: string
  /** How long it lasts before it is healed. */
  readonly holdMs: number
  /** Resolves when the cause is gone; the cluster may still be on its way. */
  readonly heal: () => Promise<void>
  /** Executors may end with it: tasks may be repeated. */
  readonly executorsDie: boolean
  /** It fills memory up to its bounds: growth is judged from its end. */
  readonly fillsMemory?: boolean
  /** More elections than this are a violation; undefined: there may be as many as it takes. */
  readonly mostElections?: number
}

export interface Fault {
  readonly name: FaultName
  /** False: it makes no sense for such a cluster. */
  readonly fits?: (shape: Shape) => boolean
  /** Does it; a text says why this machine does not allow it. */
  readonly strike: (context: SoakContext, random: Random) => Promise<Blow | string>
}

export const healed = async (): Promise<void> => undefined

/** Something that is over as soon as it is done. */
export const momentary = (what: string, executorsDie = false): Blow => ({
  what,
  holdMs: 0,
  heal: healed,
  executorsDie,
})

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
