import { seesTheSame } from '../../runtime/code/machine-seal.js'
import { limits } from '../../runtime/limits.js'
import type { CodeHeld, CodePlan, KeepCode, RequestCodePlan } from '../messages/code.js'
import type { DriverDescription, Failure } from '../messages/common.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { busy } from './refusals.js'
import type { ReplyToken, Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/*
 * Which Workers have the code of drivers (protocol 20). It is not stored: each Worker tells it after each
 * full report.
 */

type KeptCode = KeepCode['codes'][number]

/** It can hold code for others now. */
const isLive = ({ linked, state, answered, code }: WorkerEntry): boolean =>
  linked && state !== 'DEAD' && answered && code !== undefined

const liveOf = (cluster: ClusterState): WorkerEntry[] => [...cluster.workers.values()].filter(isLive)

const holdersOf = (cluster: ClusterState, id: string): WorkerEntry[] =>
  liveOf(cluster).filter(({ code }) => code?.held.has(id))

/** As many as there should be, or all that there are. */
const isEnoughOf = (holders: number, live: number): boolean =>
  holders > 0 && holders >= Math.min(limits.codeHolders, live)

const isEnough = (cluster: ClusterState, id: string): boolean =>
  isEnoughOf(holdersOf(cluster, id).length, liveOf(cluster).length)

const addressesOf = (holders: readonly WorkerEntry[]): string[] =>
  holders.slice(0, limits.codeSources).map(({ address }) => address)

/** Addresses of Workers that have the code. */
export const codeSources = (cluster: ClusterState, id: string): string[] =>
  addressesOf(holdersOf(cluster, id))

/**
 * The codes of drivers that too few Workers have, and who has them; not those that nobody has. It looks at
 * what drivers need, and not at all that Workers say they have.
 */
function* scarceCodes(cluster: ClusterState): Iterable<KeptCode & { readonly holders: WorkerEntry[] }> {
  const live = liveOf(cluster).length
  for (const [id, root] of neededCodes(cluster)) {
    const holders = [...cluster.codeHolders.of(id)].filter(isLive)
    if (holders.length === 0 || isEnoughOf(holders.length, live)) continue
    // A saved state does not say in which order they told it.
    holders.sort((a, b) => cluster.workers.numberOf(a.id) - cluster.workers.numberOf(b.id))
    yield { id, root, from: addressesOf(holders), holders }
  }
}

export function codeHeld(cluster: ClusterState, step: Step, from: PeerInfo, message: CodeHeld): void {
  const worker = cluster.workers.get(from.incarnation)
  if (!worker || worker.state === 'DEAD') return
  const { begins, more, codes, place } = message
  if (begins) {
    cluster.codeHolders.leave(worker)
    worker.code = { place, held: new Set() }
  }
  if (!codes.every((id) => cluster.codeHolders.add(worker, id)))
    step.refused(worker.id, 'CodeHeld: it names more codes than a Master keeps in mind')
  const isAll = !more && (begins || more === false)
  if (isAll) keepAll(cluster, step, worker)
}

/**
 * Tells the Worker which of its codes drivers need. Of a code that too few have it gets the addresses of
 * those that have it, and fetches it.
 */
function keepAll(cluster: ClusterState, step: Step, worker: WorkerEntry): void {
  const held = worker.code?.held
  if (held === undefined) return
  const codes: KeptCode[] = []
  for (const [id, root] of neededCodes(cluster)) if (held.has(id)) codes.push({ id, root, from: [] })
  for (const { id, root, from } of scarceCodes(cluster)) if (!held.has(id)) codes.push({ id, root, from })
  tellKeep(step, worker, true, codes)
}

function tellKeep(step: Step, worker: WorkerEntry, begins: boolean, codes: readonly KeptCode[]): void {
  for (let at = 0; at === 0 || at < codes.length; at += limits.reportItems) {
    step.tell(worker.id, {
      type: 'KeepCode',
      workerId: worker.id,
      begins: begins && at === 0,
      codes: codes.slice(at, at + limits.reportItems),
    })
  }
}

/** The codes of all drivers that may still be launched, with where each began. */
function neededCodes(cluster: ClusterState): ReadonlyMap<string, string> {
  const needed = new Map<string, string>()
  for (const { record } of cluster.drivers.values()) {
    const { code } = record.description
    if (code) needed.set(code.id, code.root)
  }
  return needed
}

/** A Worker is gone: what too few have now comes to others. */
export function spreadCode(cluster: ClusterState, step: Step): void {
  const live = liveOf(cluster)
  const taken = new Map<WorkerEntry, KeptCode[]>()
  for (const { id, root, from, holders } of scarceCodes(cluster)) {
    const taker = live.find((worker) => !holders.includes(worker))
    if (!taker) continue
    const codes = taken.get(taker)
    if (codes) codes.push({ id, root, from })
    else taken.set(taker, [{ id, root, from }])
  }
  for (const [taker, codes] of taken) tellKeep(step, taker, false, codes)
}

export function planCode(
  cluster: ClusterState,
  step: Step,
  { place, id }: RequestCodePlan,
  reply: ReplyToken,
): void {
  const linked = cluster.linkedWorkers()
  // It tells in the same turn as its report what it has.
  if (linked.some((worker) => worker.answered && worker.code === undefined)) {
    step.reply(reply, busy)
    return
  }
  const places = linked.length > 0 ? linked.map(({ code }) => code?.place) : [cluster.config.place]
  const inPlace = places.every((other) => other !== undefined && seesTheSame(other, place))
  const workers = liveOf(cluster).map((worker) => ({
    id: worker.id,
    address: worker.address,
    holds: id !== undefined && worker.code?.held.has(id) === true,
  }))
  const plan: CodePlan = {
    type: 'CodePlan',
    inPlace,
    enough: id !== undefined && isEnough(cluster, id),
    workers: workers.sort((a, b) => Number(b.holds) - Number(a.holds)).slice(0, limits.codeSources),
  }
  step.reply(reply, plan)
}

/** Why a submission cannot be taken; undefined: its code is safe. */
export function codeRefusal(cluster: ClusterState, { code }: DriverDescription): Failure | undefined {
  if (!code || isEnough(cluster, code.id)) return undefined
  const must = Math.max(1, Math.min(limits.codeHolders, liveOf(cluster).length))
  return {
    type: 'Failure',
    code: 'FIRESTEEL_CODE_NOT_HELD',
    message: `${must} ${must === 1 ? 'node' : 'nodes'} must hold the code ${code.id}, and ${holdersOf(cluster, code.id).length} hold it`,
  }
}

/** The driver is taken: those that hold its code keep it. */
export function keepCodeOf(cluster: ClusterState, step: Step, { code }: DriverDescription): void {
  if (!code) return
  for (const worker of holdersOf(cluster, code.id).slice(0, limits.codeSources))
    tellKeep(step, worker, false, [{ id: code.id, root: code.root, from: [] }])
}
