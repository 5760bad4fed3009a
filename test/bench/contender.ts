import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/*
 * Each candidate runs in a process of its own, so that the heap and the timers of one do not slow another.
 * First each setting of its grid makes a short run. The fastest setting then makes the measured rounds.
 */

/** Plain data, printed in the table as it is. */
export type Setting = Readonly<Record<string, number | string>>

/** A running candidate: it runs no-op tasks, and is shut down. */
export interface Contender {
  /** Runs that many tasks. Returns the sum of their results, so that a lost or doubled task shows. */
  run(tasks: number): Promise<number>
  close(): Promise<void>
}

/** Starts a candidate with one setting of its grid. */
export type StartContender = (setting: Setting) => Promise<Contender>

export interface Entry {
  readonly name: string
  /** The module that exports `start`, beside this file. */
  readonly module: string
  /** Every setting that is tried. */
  readonly grid: readonly Setting[]
  readonly probeTasks: number
  readonly tasks: number
}

export interface Standing {
  readonly entry: Entry
  /** The fastest of the grid in its short run. */
  readonly setting: Setting
  /** Tasks per second in each measured round. */
  readonly rates: readonly number[]
}

const main = fileURLToPath(new URL('./contender-main.js', import.meta.url))

/** Tasks per second of one candidate with one setting, in a new process. */
export async function measure(entry: Entry, setting: Setting, tasks: number): Promise<number> {
  const child = spawn(process.execPath, [main, JSON.stringify({ module: entry.module, setting, tasks })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${entry.name} with ${textOf(setting)} ended with ${code}`)
  return (JSON.parse(text) as { perSecond: number }).perSecond
}

/**
 * First the grid of each candidate, then `rounds` rounds in turns, so that a busy moment of the machine
 * affects all of them.
 */
export async function compete(entries: readonly Entry[], rounds: number): Promise<Standing[]> {
  const best = new Map<Entry, Setting>()
  for (const entry of entries) best.set(entry, await bestOf(entry))
  const rates = new Map(entries.map((entry): [Entry, number[]] => [entry, []]))
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) rates.get(entry)!.push(await measure(entry, best.get(entry)!, entry.tasks))
  }
  return entries.map((entry) => ({ entry, setting: best.get(entry)!, rates: rates.get(entry)! }))
}

async function bestOf(entry: Entry): Promise<Setting> {
  let best: { setting: Setting; rate: number } | undefined
  for (const setting of entry.grid) {
    const rate = await measure(entry, setting, entry.probeTasks)
    if (best === undefined || rate > best.rate) best = { setting, rate }
  }
  if (best === undefined) throw new Error(`${entry.name} has no settings`)
  return best.setting
}

/** Every combination of the given values. */
export function gridOf(values: Readonly<Record<string, readonly (number | string)[]>>): Setting[] {
  return Object.entries(values).reduce<Setting[]>(
    (settings, [key, choices]) =>
      settings.flatMap((setting) => choices.map((choice) => ({ ...setting, [key]: choice }))),
    [{}],
  )
}

export function textOf(setting: Setting): string {
  return Object.entries(setting)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')
}

export function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] as number
}

/** Runs `next` in so many parallel loops until `tasks` have ended. Returns the sum of their results. */
export async function inStreams(
  streams: number,
  tasks: number,
  next: (value: number) => Promise<number>,
): Promise<number> {
  let at = 0
  let sum = 0
  const stream = async (): Promise<void> => {
    while (at < tasks) {
      // Not `sum += await`: that reads `sum` before it waits.
      const value = await next(at++)
      sum += value
    }
  }
  await Promise.all(Array.from({ length: streams }, stream))
  return sum
}
