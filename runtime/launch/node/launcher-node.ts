import type { ErrorRecord, NodePlace, NodeRole } from './node-spec.js'

/** A node that the launcher is to run. */
export interface PlannedNode {
  readonly name: string
  readonly role: NodeRole
  /** firesteel://host:port, if that is known before the node listens: its port is not 0. */
  readonly address?: string | undefined
  /** How long it may take to let its work end when it is stopped. */
  readonly drainMs?: number
}

/** A node as the core of the launcher has it. */
export interface Node extends PlannedNode {
  phase: 'idle' | 'starting' | 'running' | 'waiting' | 'gone'
  pid: number
  startedAtMs: number
  failures: number
  place: NodePlace | undefined
  /** Of a Master: its next process must lead above this. */
  observedEpoch: number
  /** Newest epoch that its present process led; 0: none. */
  ledEpoch: number
  /** The other Masters that its present process was told of, as one address. */
  toldMasters: string
  ready: boolean
  /** It ends in order to be started again at once. */
  restarting: boolean
  error: ErrorRecord | undefined
  /** Why it is not ready, as its former processes or its present one said; '': nothing is known. */
  problem: string
  /** Somebody waits until it has settled. */
  awaited: boolean
  /** What it is to do as soon as it listens, because before it would not hear. */
  due: 'restart' | 'retire' | undefined
  /** If it does not leave its work in time, it is replaced. */
  endsIfHung: boolean
  /** It stops for good. */
  retiring: boolean
  /** It was to stop for good, and starts again instead when its process has ended. */
  stays: boolean
  retireDrainMs: number
  /** It is not in the plan any more. */
  removed: boolean
}

export const idleNode = (node: PlannedNode): Node => ({
  ...node,
  phase: 'idle',
  pid: 0,
  startedAtMs: 0,
  failures: 0,
  place: undefined,
  observedEpoch: 0,
  ledEpoch: 0,
  toldMasters: '',
  ready: false,
  restarting: false,
  error: undefined,
  problem: '',
  awaited: false,
  due: undefined,
  endsIfHung: false,
  retiring: false,
  stays: false,
  retireDrainMs: 0,
  removed: false,
})

export const isStopping: ErrorRecord = {
  code: 'FIRESTEEL_NOT_ALLOWED',
  message: 'This launcher stops.',
  help: 'Start it again.',
}

export const notLeft = (node: string): ErrorRecord => ({
  code: 'FIRESTEEL_RESTART_REFUSED',
  message: `${node} did not leave its work in time.`,
  help: 'See its log.',
})

export function notRestarted({ name }: PlannedNode, reason: string): ErrorRecord {
  return { code: 'FIRESTEEL_INTERNAL', message: `${name} ended: ${reason}.`, help: 'See its log.' }
}

export const addressOf = ({ place, address }: Node): string | undefined => place?.address ?? address
