import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Files of compiled tests, and how many of them run side by side on two cores. */
export interface Suite {
  /** Below `dist`; `examples/*` is each folder in `examples`. */
  readonly folders: readonly string[]
  readonly concurrency: number
  /**
   * These run first, in this order, so that no long one is left for the end. What keeps the processors busy
   * stands beside what mostly waits.
   */
  readonly first: readonly string[]
}

export const suites = {
  io: {
    folders: ['test/io'],
    concurrency: 4,
    first: [
      ...['simulation-threads', 'election-redis', 'simulation', 'executor-blocking'],
      ...['simulation-store', 'election-agents', 'process-guard', 'fuzz-short', 'fuzz-findings'],
      ...[
        'redis-degraded',
        'redis-access',
        'executor-tasks',
        'executor-many',
        'tasks-links',
        'simulation-lock',
      ],
    ],
  },
  cluster: {
    folders: ['test/cluster', 'examples/*'],
    concurrency: 3,
    first: [
      ...['namespaces-locks', 'package-pages', 'bad-starts', 'redis-cut', 'nightly'],
      ...['namespaces-leader', 'package', 'command-work', 'driver-life', 'scraper'],
      ...['namespaces', 'redis-cut-locks', 'redis-sentinel', 'redis-cut-workers', 'examples-programs'],
      ...[
        'namespaces-workers',
        'version-skew',
        'redis-refusals',
        'command-up',
        'redis-restart',
        'thumbnails',
      ],
      ...['lying-node', 'redis-time', 'redis-locks', 'redis-links', 'command-trace'],
    ],
  },
  alone: {
    folders: ['test/cluster/alone'],
    concurrency: 1,
    first: ['failover-redis', 'soak-short'],
  },
} as const satisfies Record<string, Suite>

const SUFFIX = '.test.js'

const nameOf = (file: string): string => file.slice(file.lastIndexOf('/') + 1, -SUFFIX.length)

/** Those of `first` in its order, then the others in theirs. */
export function ordered(files: readonly string[], first: readonly string[]): string[] {
  const place = (file: string): number => {
    const at = first.indexOf(nameOf(file))
    return at < 0 ? first.length : at
  }
  return files.toSorted().toSorted((one, other) => place(one) - place(other))
}

/** Names in `first` of which there is no file. */
export function unknownNames(files: readonly string[], first: readonly string[]): string[] {
  const names = new Set(files.map(nameOf))
  return first.filter((name) => !names.has(name))
}

/** Below this folder, which is `dist`. */
export function filesOf({ folders }: Suite, dist: string): string[] {
  return folders.flatMap((folder) => {
    const isEach = folder.endsWith('/*')
    const place = join(dist, isEach ? folder.slice(0, -2) : folder)
    return readdirSync(place, { recursive: isEach, encoding: 'utf8' })
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => join(place, file))
  })
}
