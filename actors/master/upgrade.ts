import type { FormatRange } from '../../runtime/persistence/store-format.js'
import { describeRange } from '../../runtime/version-range.js'
import type { MasterStateResponse } from '../messages/status.js'
import type { RequestFinishUpgrade } from '../messages/upgrade.js'
import type { ClusterState } from './cluster-state.js'
import type { ReplyToken, Step } from './step.js'

/*
 * The end of a rolling upgrade (protocol 13.1): the leader alone raises the format of the store, when asked.
 */

/**
 * This leader, or a Master that is linked to it, and which formats it knows; undefined: it has not said so.
 */
export interface MasterFormats {
  readonly address: string
  readonly formats: FormatRange | undefined
}

interface Informed extends MasterFormats {
  readonly formats: FormatRange
}

type Raise = { readonly to: number } | { readonly refused: string }

/**
 * To which format the store may go: the newest, if all Masters know it, and as many are there as should be.
 * One that is not there might know less, and would be shut out.
 */
export function raiseOf(masters: readonly MasterFormats[], atLeast = 0): Raise {
  if (!masters.every(hasSaid)) {
    const silent = masters.filter((master) => !hasSaid(master))
    return { refused: `${named(silent)} has not said yet which formats it knows` }
  }
  const newest = Math.max(...masters.map(highest))
  const behind = masters.filter((master) => highest(master) < newest)
  if (behind.length > 0) return { refused: `${behind.map(knows).join(', ')}, and the newest is ${newest}` }
  if (masters.length < atLeast)
    return { refused: `${masters.length} of ${atLeast} Masters are there: ${named(masters)}` }
  return { to: newest }
}

const hasSaid = (master: MasterFormats): master is Informed => master.formats !== undefined

const highest = ({ formats }: Informed): number => formats.max

const named = (masters: readonly MasterFormats[]): string => masters.map(({ address }) => address).join(', ')

const knows = ({ address, formats }: Informed): string => `${address} knows format ${describeRange(formats)}`

/** What a leader's state says of it. Who has not said what it knows yet does not count. */
export function storeStanding(
  { leadership: { format } }: ClusterState,
  masters: readonly MasterFormats[],
): MasterStateResponse['store'] {
  return { format, newest: Math.min(...masters.filter(hasSaid).map(highest)) }
}

/** The answer leaves when the new format is durable. A repeated request finds nothing to raise. */
export function finishUpgrade(
  { leadership }: ClusterState,
  step: Step,
  { masters: atLeast }: RequestFinishUpgrade,
  masters: readonly MasterFormats[],
  reply: ReplyToken,
): void {
  const was = leadership.format
  const raise = raiseOf(masters, atLeast)
  if ('refused' in raise) {
    const message = `The store keeps format ${was}: ${raise.refused}.`
    step.reply(reply, { type: 'Failure', code: 'FIRESTEEL_FINISH_REFUSED', message })
    return
  }
  if (raise.to > was) {
    leadership.format = raise.to
    step.format = raise.to
    step.log('info', 'the format of the store is raised, because somebody asked for it', {
      was,
      is: raise.to,
    })
  }
  step.reply(reply, { type: 'FinishUpgradeResponse', was, is: raise.to })
}
