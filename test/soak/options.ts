import { parseArgs } from 'node:util'
import { namesOption, wholeOption } from '../tools/command-line.js'
import { type FaultName, faultNames } from './fault-names.js'

export interface SoakOptions {
  /** The number of rounds. Undefined: as many as begin within `minutes`. */
  readonly rounds: number | undefined
  readonly minutes: number
  readonly seed: number
  /** Number of the first round. What a round draws depends on the seed and its number alone. */
  readonly from: number
  /** The number of rounds on one cluster. Then the next one is drawn and started. */
  readonly roundsPerCluster: number
  /** The faults to draw from. */
  readonly faults: readonly FaultName[]
  /** True: the cluster speaks TLS. */
  readonly isSecure?: boolean
  /** Folders are kept even if all was well. */
  readonly keep: boolean
}

export interface CommandLine extends SoakOptions {
  readonly json: boolean
  /** So many drains of Workers instead of rounds. */
  readonly drains: number | undefined
  /** So many edits of a deployment file instead of rounds. */
  readonly applies: number | undefined
}

const MINUTES = 10
const ROUNDS_PER_CLUSTER = 40

export const usage = `npm run soak [-- OPTIONS]
  --minutes N    rounds begin for so long (default: ${MINUTES}, unless --rounds is given)
  --rounds N     so many rounds
  --seed X       of what is drawn: shapes of clusters, faults, times (default: a random one, printed)
  --from N       number of the first round (default: 1): round N of a seed always draws the same
  --cluster N    rounds on one cluster, then another is drawn (default: ${ROUNDS_PER_CLUSTER})
  --faults LIST  to draw from (default: all): ${faultNames.join(',')}
  --drains N     instead of rounds: N drains of Workers at random under load, some across a kill of the leader
  --secure       the cluster speaks TLS; of attackers, those with a stolen certificate
  --applies N    instead of rounds: N random edits of a deployment file, each applied, killed and applied again
  --json         one JSON object instead of the tables
  --keep         keep the folders of clusters in which all was well
`

/** Throws an Error that says what is wrong. */
export function parseCommandLine(args: readonly string[], randomSeed: number): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      rounds: { type: 'string' },
      seed: { type: 'string' },
      from: { type: 'string' },
      cluster: { type: 'string' },
      faults: { type: 'string' },
      drains: { type: 'string' },
      applies: { type: 'string' },
      secure: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  if (values.minutes !== undefined && values.rounds !== undefined) {
    throw new Error('--minutes and --rounds: one of them says when it ends')
  }
  return {
    rounds: wholeOption('rounds', values.rounds, 1),
    minutes: wholeOption('minutes', values.minutes, 1) ?? MINUTES,
    seed: wholeOption('seed', values.seed, 0) ?? randomSeed,
    from: wholeOption('from', values.from, 1) ?? 1,
    roundsPerCluster: wholeOption('cluster', values.cluster, 1) ?? ROUNDS_PER_CLUSTER,
    faults: namesOption('faults', values.faults, faultNames) ?? faultNames,
    isSecure: values.secure,
    keep: values.keep,
    json: values.json,
    drains: wholeOption('drains', values.drains, 1),
    applies: wholeOption('applies', values.applies, 1),
  }
}
