import { innerLimits } from '../../../runtime/inner-limits.js'
import type { StateLine } from './recording.js'
import type { CapturedCore, ClusterTables, SavedCluster, SavedCore } from './saved-core.js'

const tableNames: readonly (keyof ClusterTables)[] = [
  'tokens',
  'drains',
  'moves',
  'launchers',
  'deployments',
  'workers',
  'workersByAddress',
  'apps',
  'appsByRegistration',
  'leaving',
  'gone',
  'drivers',
  'driversByKey',
  'waiting',
  'endedDrivers',
  'endedApps',
  'keys',
  'orphans',
  'awaitingWorkers',
  'awaitedLostWrites',
  'askedLostWrites',
  'keptEnds',
  'heldEnds',
  'executorHomes',
  'lostExecutors',
  'launchFailures',
]

/** A saved state as lines, each made when it is asked for. */
export function* stateLines({ cluster, ...core }: CapturedCore): Generator<string> {
  const head = { kind: 'state', ...core, cluster: cluster?.head } satisfies StateLine
  yield JSON.stringify(head)
  for (const table of cluster ? tableNames : []) yield* rowLines(table, cluster!.tables[table])
  yield JSON.stringify({ kind: 'saved' } satisfies StateLine)
}

function* rowLines(table: keyof ClusterTables, rows: Iterable<unknown>): Generator<string> {
  let texts: string[] = []
  let chars = 0
  const line = () => `{"kind":"rows","table":"${table}","rows":[${texts.join(',')}]}`
  for (const row of rows) {
    const text = JSON.stringify(row)
    texts.push(text)
    chars += text.length
    if (chars < innerLimits.recordingRowsChars) continue
    yield line()
    texts = []
    chars = 0
  }
  if (texts.length > 0) yield line()
}

/** Puts a state together from its lines. */
export class StateReader {
  #head: Extract<StateLine, { kind: 'state' }> | undefined
  readonly #tables = Object.fromEntries(tableNames.map((name) => [name, [] as unknown[]]))

  /** The state, with its last line. Throws a RangeError for what is no line of a state. */
  take(line: StateLine): SavedCore | undefined {
    switch (line.kind) {
      case 'state':
        this.#head = line
        return undefined
      case 'rows': {
        const rows = this.#tables[line.table]
        if (!rows) throw new RangeError(`"table" is none of a state: ${JSON.stringify(line.table)}`)
        for (const row of line.rows) rows.push(row)
        return undefined
      }
      case 'saved':
        return this.#whole()
      default:
        throw new RangeError('it is no line of a state')
    }
  }

  #whole(): SavedCore {
    if (!this.#head) throw new RangeError('the state has no first line')
    const { kind: _, cluster: head, ...core } = this.#head
    const tables = this.#tables as unknown as ClusterTables
    const cluster: SavedCluster | undefined = head && { head, tables }
    return { ...core, cluster } as SavedCore
  }
}
