import { groupedBy } from '../../runtime/grouped-by.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { Failure } from '../messages/common.js'
import type { ClusterState } from './cluster-state.js'
import type { DrainRecord } from './records.js'
import type { WorkerEntry } from './worker-entry.js'

/* The Workers that people mean: by id, by name, or by the beginning of an id. */

export interface MeantWorker {
  readonly of: Pick<DrainRecord, 'name' | 'host'>
  /** Undefined: only its drain is known. */
  readonly worker: WorkerEntry | undefined
}

export interface MeantWorkers {
  readonly meant: readonly MeantWorker[]
  /** Set: nothing may be done. */
  readonly problem?: Failure | undefined
}

const NAMED = innerLimits.meantWorkers

interface Candidate extends MeantWorker {
  readonly id: string
}

/** All candidates, found by each of their names: one request may name a thousand of thousands. */
interface Candidates {
  readonly all: readonly Candidate[]
  readonly byId: ReadonlyMap<string, readonly Candidate[]>
  /** By the name, and by NAME@HOST. */
  readonly byName: ReadonlyMap<string, readonly Candidate[]>
}

const placeOf = ({ name, host }: MeantWorker['of']): string => `${name}@${host}`

function candidates({ workers, drains }: ClusterState): Candidates {
  const live = [...workers.values()].map((worker) => ({ id: worker.id, of: worker.record, worker }))
  const places = new Set(live.map(({ of }) => placeOf(of)))
  const known = [...drains.values()]
    .filter((of) => !places.has(placeOf(of)))
    .map((of) => ({ id: of.id, of, worker: undefined }))
  const all = [...live, ...known]
  return {
    all,
    byId: groupedBy(all, ({ id }) => [id]),
    byName: groupedBy(all, ({ of }) => [of.name, placeOf(of)]),
  }
}

/** Former processes of one Worker are one: a living one goes first. */
function newest(found: readonly MeantWorker[]): MeantWorker[] {
  const byPlace = new Map<string, MeantWorker>()
  for (const one of found) {
    const place = placeOf(one.of)
    const known = byPlace.get(place)
    if (!known || known.worker?.state === 'DEAD') byPlace.set(place, one)
  }
  return [...byPlace.values()]
}

function meantBy({ all, byId, byName }: Candidates, text: string): MeantWorker[] {
  const same = byId.get(text) ?? byName.get(text)
  return newest(same ?? all.filter(({ id }) => id.startsWith(text)))
}

/** All of them, or none: one wrong name must not leave a part done. */
export function workersMeant(cluster: ClusterState, texts: readonly string[]): MeantWorkers {
  const all = candidates(cluster)
  const meant = new Map<string, MeantWorker>()
  const unknown: string[] = []
  for (const text of texts) {
    const [one, ...others] = meantBy(all, text)
    if (!one) unknown.push(text)
    else if (others.length > 0) return { meant: [], problem: ambiguous(text, [one, ...others]) }
    else meant.set(placeOf(one.of), one)
  }
  if (unknown.length > 0) return { meant: [], problem: unknownWorkers(unknown) }
  return { meant: [...meant.values()] }
}

const quoted = (texts: readonly string[]): string =>
  texts
    .slice(0, NAMED)
    .map((text) => JSON.stringify(text))
    .join(', ')

function unknownWorkers(texts: readonly string[]): Failure {
  const more = texts.length > NAMED ? ` (and ${texts.length - NAMED} more)` : ''
  return {
    type: 'Failure',
    code: 'FIRESTEEL_UNKNOWN_ID',
    message: `No Worker is ${quoted(texts)}${more}. Nothing was changed.`,
    help: 'See `firesteel status` for the Workers of this cluster.',
  }
}

function ambiguous(text: string, found: readonly MeantWorker[]): Failure {
  const ids = found.slice(0, NAMED).map(({ of, worker }) => worker?.id ?? placeOf(of))
  return {
    type: 'Failure',
    code: 'FIRESTEEL_USAGE',
    message: `${JSON.stringify(text)} may be ${found.length} Workers: ${ids.join(', ')}. Nothing was changed.`,
    help: 'Give a longer part of the id, or NAME@HOST.',
  }
}
