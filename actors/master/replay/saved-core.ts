import type { ErrorParts } from '../../../runtime/errors.js'
import { ApplicationEntry, type SavedApplication } from '../application-entry.js'
import { ClusterState, type Leadership, type Orphan, type PeerInfo } from '../cluster-state.js'
import type { Move } from '../drain-move.js'
import { meetDrain } from '../drains.js'
import { capturedValues, DriverEntry, type SavedDriver, savedDriver } from '../driver-entry.js'
import { type GivenIds, IdSource } from '../ids.js'
import type { LaunchRecord } from '../launch-failures.js'
import type { LauncherEntry } from '../launcher-entry.js'
import type { KeptEnd } from '../lost-writes/kept-ends.js'
import type { MasterConfig } from '../master-config.js'
import type { NumberedMap } from '../numbered-map.js'
import type { SavedPeerProtocol } from '../peer-master-protocol.js'
import type {
  DeploymentRecord,
  DrainRecord,
  EndedApplication,
  EndedDriver,
  KeyRecord,
  TokenRecord,
} from '../records.js'
import type { SavedQueue } from '../waiting-drivers.js'
import { type HoldingKey, type SavedWorker, WorkerEntry } from '../worker-entry.js'

/*
 * The whole state of a Master's core as plain data, from which another core goes on and decides the same. The
 * order of all maps is kept, because scheduling follows it. What is saved is a copy, but for records and
 * messages, which never change: it may be written down later, a little at a time.
 */

export interface SavedCore {
  readonly peers: readonly PeerInfo[]
  readonly masters: readonly string[]
  readonly problem: ErrorParts | undefined
  readonly sweptAtMs: number | undefined
  readonly peerMasters: SavedPeerProtocol
  /** The cluster state is still being filled. */
  readonly isRestoring: boolean
  readonly cluster: SavedCluster | undefined
}

/** An entry of a NumberedMap, with its number. */
type Numbered<T> = readonly [number: number, entry: T]
type Pair<V> = readonly [key: string, value: V]

/** The part of the cluster state that is small. */
export interface ClusterHead {
  readonly leadership: Leadership
  readonly ids: GivenIds
  readonly state: ClusterState['state']
  readonly keysComplete: boolean
  readonly capacity: number
  readonly dirty: boolean
  readonly isFull: boolean
  /** Absent in recordings of before. */
  readonly takenBackWhenFull?: number
  readonly driverScan: number
  readonly appScan: number
  readonly driverCursor: number
  readonly lastAnswerMs: number
  readonly isAsking: boolean
  /** The highest number of each NumberedMap. */
  readonly last: Readonly<Record<'workers' | 'apps' | 'drivers' | 'endedDrivers' | 'endedApps', number>>
}

/** The part that may be large, as rows. */
export interface ClusterTables {
  readonly tokens: readonly TokenRecord[]
  readonly drains: readonly DrainRecord[]
  readonly moves: readonly Move[]
  readonly launchers: readonly LauncherEntry[]
  readonly deployments: readonly DeploymentRecord[]
  readonly workers: readonly Numbered<SavedWorker>[]
  readonly workersByAddress: readonly Pair<string>[]
  readonly apps: readonly Numbered<SavedApplication>[]
  readonly appsByRegistration: readonly Pair<string>[]
  readonly leaving: readonly Pair<readonly (readonly [execId: number, workerId: string])[]>[]
  readonly drivers: readonly Numbered<SavedDriver>[]
  readonly driversByKey: readonly Pair<string>[]
  readonly waiting: readonly SavedQueue[]
  readonly endedDrivers: readonly Numbered<EndedDriver>[]
  readonly endedApps: readonly Numbered<EndedApplication>[]
  readonly keys: readonly Pair<KeyRecord>[]
  readonly orphans: readonly Pair<readonly (readonly [HoldingKey, Orphan])[]>[]
  readonly gone: readonly string[]
  readonly awaitingWorkers: readonly string[]
  readonly awaitedLostWrites: readonly string[]
  readonly askedLostWrites: readonly string[]
  readonly keptEnds: readonly KeptEnd[]
  readonly heldEnds: readonly KeptEnd[]
  readonly executorHomes: readonly Pair<string>[]
  readonly lostExecutors: readonly HoldingKey[]
  readonly launchFailures: readonly Pair<readonly LaunchRecord[]>[]
}

export interface SavedCluster {
  readonly head: ClusterHead
  readonly tables: ClusterTables
}

/** Tables whose rows are made when they are read, once, as they were when they were captured. */
export type CapturedTables = {
  readonly [T in keyof ClusterTables]: Iterable<ClusterTables[T][number]>
}

export interface CapturedCluster {
  readonly head: ClusterHead
  readonly tables: CapturedTables
}

export type CapturedCore = Omit<SavedCore, 'cluster'> & { readonly cluster: CapturedCluster | undefined }

export function saveCluster(cluster: ClusterState): SavedCluster {
  const { head, tables } = captureCluster(cluster)
  const read = Object.entries(tables).map(([name, rows]) => [name, [...(rows as Iterable<unknown>)]])
  return { head, tables: Object.fromEntries(read) as ClusterTables }
}

/** Takes little of one turn, however large the cluster state is. */
export function captureCluster(cluster: ClusterState): CapturedCluster {
  const { workers, apps, drivers, endedDrivers, endedApps } = cluster
  return {
    head: {
      leadership: { ...cluster.leadership },
      ids: cluster.ids.given,
      state: cluster.state,
      keysComplete: cluster.keysComplete,
      capacity: cluster.capacity,
      dirty: cluster.dirty,
      isFull: cluster.isFull,
      takenBackWhenFull: cluster.takenBackWhenFull,
      driverScan: cluster.waiting.scan,
      appScan: cluster.appScan,
      driverCursor: cluster.driverCursor,
      lastAnswerMs: cluster.lastAnswerMs,
      isAsking: cluster.isAsking,
      last: {
        workers: workers.last,
        apps: apps.last,
        drivers: drivers.last,
        endedDrivers: endedDrivers.last,
        endedApps: endedApps.last,
      },
    },
    tables: {
      tokens: [...cluster.tokens.values()].map((token) => ({ ...token })),
      drains: [...cluster.drains.values()].map((drain) => ({ ...drain })),
      moves: [...cluster.moves.values()].map((move) => ({ ...move })),
      launchers: [...cluster.launchers.values()],
      deployments: [...cluster.deployments.values()].map((deployment) => ({ ...deployment })),
      workers: numbered(workers, (worker) => worker.save()),
      workersByAddress: byId(cluster.workersByAddress),
      apps: numbered(apps, (app) => app.save()),
      appsByRegistration: byId(cluster.appsByRegistration),
      leaving: [...cluster.leaving].map(([appId, executors]) => [
        appId,
        [...executors].map(([execId, { workerId }]) => [execId, workerId]),
      ]),
      drivers: driverRows(drivers),
      driversByKey: idRows(cluster.driversByKey),
      waiting: cluster.waiting.save(),
      endedDrivers: sameRows(endedDrivers),
      endedApps: sameRows(endedApps),
      keys: pairs([...cluster.keys.keys()], [...cluster.keys.values()]),
      orphans: [...cluster.orphans].map(([appId, orphans]) => [appId, [...orphans]]),
      gone: [...cluster.gone],
      awaitingWorkers: [...cluster.awaitingWorkers],
      awaitedLostWrites: [...cluster.awaitedLostWrites],
      askedLostWrites: [...cluster.askedLostWrites],
      keptEnds: cluster.keptEnds.save(),
      heldEnds: cluster.heldEnds.save(),
      lostExecutors: cluster.lostExecutors.save(),
      executorHomes: pairs([...cluster.executorHomes.keys()], [...cluster.executorHomes.values()]),
      launchFailures: cluster.launchFailures.save(),
    },
  }
}

export function loadCluster(config: MasterConfig, { head, tables }: SavedCluster): ClusterState {
  const { leadership, ids, last, capacity, dirty, driverScan, ...fields } = head
  const cluster = new ClusterState(config, leadership, new IdSource(leadership.epoch, ids))
  Object.assign(cluster, fields)
  cluster.loadPass(capacity, dirty)
  cluster.waiting.scan = driverScan
  for (const record of tables.tokens) cluster.tokens.set(record.id, record)
  for (const record of tables.drains) cluster.drains.set(record.id, record)
  for (const move of tables.moves) cluster.moves.set(move.driverId, move)
  for (const record of tables.deployments) cluster.deployments.set(record.number, record)
  for (const [index, launcher] of tables.launchers.entries()) {
    // Recordings of before say neither.
    const { number = index + 1, bytes = 0 } = launcher as Partial<LauncherEntry>
    cluster.launchers.set(launcher.id, { ...launcher, number, bytes })
  }
  const { workers, apps, drivers, waiting } = cluster
  workers.load(withIds(tables.workers, WorkerEntry.load), last.workers)
  for (const worker of workers.values()) {
    meetDrain(cluster, worker)
    cluster.codeHolders.load(worker)
  }
  for (const key of tables.lostExecutors) cluster.lostExecutors.add(key)
  apps.load(
    withIds(tables.apps, (saved) => ApplicationEntry.load(saved, cluster.lostExecutors)),
    last.apps,
  )
  drivers.load(
    withIds(tables.drivers, (saved, number) => DriverEntry.load(saved, number, waiting)),
    last.drivers,
  )
  for (const { id, record } of drivers.values()) if (record.replacement) cluster.replacing.add(id)
  cluster.endedDrivers.load(
    withIds(tables.endedDrivers, (ended) => ended),
    last.endedDrivers,
  )
  cluster.endedApps.load(
    withIds(tables.endedApps, (ended) => ended),
    last.endedApps,
  )
  for (const queue of tables.waiting)
    waiting.load(
      queue,
      queue.drivers.map((id) => named(drivers, id)),
    )
  for (const [address, id] of tables.workersByAddress)
    cluster.workersByAddress.set(address, named(workers, id))
  for (const [text, id] of tables.appsByRegistration) cluster.appsByRegistration.set(text, named(apps, id))
  for (const [appId, executors] of tables.leaving)
    cluster.leaving.set(appId, new Map(executors.map(([execId, workerId]) => [execId, { workerId }])))
  for (const [key, id] of tables.driversByKey) cluster.driversByKey.set(key, named(drivers, id))
  for (const [key, record] of tables.keys) cluster.keys.set(key, record)
  for (const [appId, orphans] of tables.orphans) cluster.orphans.set(appId, new Map(orphans))
  for (const endpoint of tables.gone) cluster.gone.add(endpoint)
  for (const appId of tables.awaitingWorkers) cluster.awaitingWorkers.add(appId)
  for (const incarnation of tables.awaitedLostWrites) cluster.awaitedLostWrites.add(incarnation)
  for (const incarnation of tables.askedLostWrites) cluster.askedLostWrites.add(incarnation)
  for (const end of tables.keptEnds) cluster.keptEnds.keep(end)
  for (const end of tables.heldEnds) cluster.heldEnds.keep(end)
  for (const [holding, id] of tables.executorHomes) cluster.executorHomes.set(holding, id)
  cluster.launchFailures.load(tables.launchFailures)
  return cluster
}

function numbered<E, T>(map: NumberedMap<E>, saved: (entry: E) => T): Numbered<T>[] {
  const numbers = [...map.numbers]
  const rows: Numbered<T>[] = []
  for (const entry of map.values()) rows.push([numbers[rows.length] as number, saved(entry)])
  return rows
}

function driverRows(drivers: NumberedMap<DriverEntry>): Iterable<Numbered<SavedDriver>> {
  const numbers = [...drivers.numbers]
  const values: unknown[] = new Array(numbers.length * capturedValues)
  let from = 0
  for (const driver of drivers.values()) {
    driver.capture(values, from)
    from += capturedValues
  }
  return lazy(numbers.length, (at) => [numbers[at] as number, savedDriver(values, at * capturedValues)])
}

/** Entries that never change. */
const sameRows = <E>(map: NumberedMap<E>): Iterable<Numbered<E>> => pairs([...map.numbers], [...map.values()])

function idRows(map: ReadonlyMap<string, { readonly id: string }>): Iterable<Pair<string>> {
  const entries = [...map.values()]
  const keys = [...map.keys()]
  return lazy(keys.length, (at) => [keys[at] as string, (entries[at] as { readonly id: string }).id])
}

const pairs = <A, B>(first: readonly A[], second: readonly B[]): Iterable<readonly [A, B]> =>
  lazy(first.length, (at) => [first[at] as A, second[at] as B])

const lazy = <T>(length: number, make: (at: number) => T): Iterable<T> => ({
  *[Symbol.iterator]() {
    for (let at = 0; at < length; at++) yield make(at)
  },
})

function* withIds<S, E extends { readonly id: string }>(
  rows: readonly Numbered<S>[],
  load: (saved: S, number: number) => E,
): Iterable<readonly [number, string, E]> {
  for (const [number, saved] of rows) {
    const entry = load(saved, number)
    yield [number, entry.id, entry]
  }
}

const byId = (map: ReadonlyMap<string, { readonly id: string }>): Pair<string>[] =>
  [...map].map(([key, { id }]) => [key, id])

function named<E>(map: ReadonlyMap<string, E>, id: string): E {
  const entry = map.get(id)
  if (entry === undefined) throw new RangeError(`it names ${id}, which it does not hold`)
  return entry
}
