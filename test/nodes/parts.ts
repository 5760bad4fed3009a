import { readdirSync } from 'node:fs'
import { join } from 'node:path'

export const partNames = ['core', 'io', 'smoke'] as const
export type PartName = (typeof partNames)[number]

interface Part {
  /** Folders of compiled tests, below `dist`. */
  readonly folders: readonly string[]
  /** Only these files. */
  readonly names?: readonly string[]
  readonly concurrency: number
  readonly options?: readonly string[]
}

/**
 * As the scripts of package.json run them. The smoke is of the cluster: a program's tasks, drivers, and a
 * failover.
 */
const parts: Readonly<Record<PartName, Part>> = {
  core: {
    folders: ['test/core'],
    concurrency: 2,
    options: ['--import', './dist/test/tools/core-guard.js'],
  },
  io: { folders: ['test/io', 'examples'], concurrency: 3 },
  smoke: {
    folders: ['test/cluster'],
    names: ['examples-word-count', 'failover', 'worker-death'],
    concurrency: 1,
  },
}

const SUFFIX = '.test.js'

/** Arguments of `node` that run a part; undefined if none of its files is wanted. */
export function argumentsOf(name: PartName, wanted?: readonly string[]): string[] | undefined {
  const { folders, names, concurrency, options = [] } = parts[name]
  const files = folders.flatMap((folder) =>
    readdirSync(join('dist', folder), { recursive: name === 'io', encoding: 'utf8' })
      .filter((file) => file.endsWith(SUFFIX))
      .filter((file) => isWanted(file, names, wanted))
      .map((file) => join('dist', folder, file)),
  )
  if (files.length === 0) return undefined
  return [
    ...options,
    '--test',
    '--test-timeout=600000',
    '--test-reporter=spec',
    `--test-concurrency=${concurrency}`,
    ...files.toSorted(),
  ]
}

function isWanted(file: string, names?: readonly string[], wanted?: readonly string[]): boolean {
  const name = file.slice(file.lastIndexOf('/') + 1, -SUFFIX.length)
  return (names?.includes(name) ?? true) && (wanted?.some((start) => name.startsWith(start)) ?? true)
}
