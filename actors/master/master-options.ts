import type { Clock } from '../../runtime/clock.js'
import type { FiresteelError } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import type { PersistenceEngine } from '../../runtime/persistence/engine.js'
import type { RecordCache } from '../../runtime/persistence/record-cache.js'
import type { Ref } from '../../runtime/system/ref.js'
import type { TimerSource } from '../../runtime/system/timers.js'
import type { Gateway } from '../../runtime/transport/gateway.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { AgentMessage } from '../messages/election.js'
import type { MasterConfig } from './master-config.js'

/** What a Master actor is made of. */
export interface MasterOptions {
  readonly gateway: Gateway<MasterMessage>
  readonly engine: PersistenceEngine
  /** Of this process: what was durable under its leaderships. */
  readonly recordCache: RecordCache
  readonly config: MasterConfig
  readonly clock: Clock
  readonly timers?: TimerSource
  readonly log: Log
  readonly newWriteId: () => string
  /** The LeaderElectionAgent, once it exists. */
  readonly agent: () => Ref<AgentMessage> | undefined
  /** May effects of this leadership still leave? Looked at before each turn (protocol 6). */
  readonly mayAct: () => boolean
  /** Value of the lock, for touches. */
  readonly lock: () => string
  readonly storeReachable: () => boolean
  /** Is the port of this Worker refused by its kernel? */
  readonly probe: (host: string, port: number) => Promise<boolean>
  readonly onMastersObserved: (addresses: readonly string[]) => void
  /** May it hand over of its own will again? */
  readonly mayHandOver: () => boolean
  readonly onElected: (epoch: number) => void
  /** Another Master leads this epoch. */
  readonly onLeaderObserved: (epoch: number) => void
  /** This process cannot lead, whatever happens: it ends. */
  readonly onUnrecoverable: (error: FiresteelError) => void
  /** Recovery is over: this Master is ALIVE. */
  readonly onAlive: () => void
  /** This leadership is over and nothing of it will act again. `handedOver`: in order, and the others were told. */
  readonly onRevoked: (handedOver: boolean) => void
  /** After a hand-over: another Master leads. */
  readonly onSucceeded: () => void
}
