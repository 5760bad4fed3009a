import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawPicture } from '../../examples/thumbnails/tasks.js'
import { compete, type Entry, gridOf, median, type Setting, type Standing, textOf } from './contender.js'

/*
 * Two programs of examples/, beside plain Node and Piscina on the same machine in one run, each at the
 * fastest setting of its grid: thumbnails, which compute, and the scraper, which waits.
 */

const ROUNDS = 3
const CORES = availableParallelism()
const DRAWN = 12

export interface ProgramSizes {
  readonly pictures: number
  readonly pages: number
}

/**
 * Two cores need less than two minutes for these. Each is run some 13 times in all, by the rounds of three
 * candidates, their warm-ups and the grid.
 */
export const defaultSizes: ProgramSizes = { pictures: 100, pages: 4000 }

/** Pages that the hosts give at once. */
const PAGES_AT_ONCE = 80

function entriesOf(program: 'thumbnails' | 'scraper', tasks: number): Entry[] {
  const module = `./${program}.contender.js`
  const waiting = (by: string): Setting[] =>
    [1, CORES].map((threads) => ({ by, threads, tasksPerThread: Math.ceil(PAGES_AT_ONCE / threads) }))
  const computing = (by: string, tasksPerThread: readonly number[]): Setting[] =>
    gridOf({ by: [by], threads: [1, CORES], tasksPerThread })
  const plain = { by: 'plain', threads: 1 }
  const grid =
    program === 'scraper'
      ? {
          Firesteel: waiting('firesteel'),
          Piscina: waiting('piscina'),
          'plain Node': [{ ...plain, tasksPerThread: PAGES_AT_ONCE }],
        }
      : {
          Firesteel: computing('firesteel', [1]),
          Piscina: computing('piscina', [1, 2]),
          'plain Node': [1, 2].map((tasksPerThread) => ({ ...plain, tasksPerThread })),
        }
  return Object.entries(grid).map(([name, settings]) => {
    return { name, module, grid: settings, probeTasks: Math.ceil(tasks / 5), tasks }
  })
}

/** A line for each candidate: its rate, and how many times as long it took as plain Node. */
export async function* benchPrograms({ pictures, pages }: ProgramSizes): AsyncGenerator<string> {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-bench-'))
  try {
    for (let seed = 0; seed < DRAWN; seed++) {
      await drawPicture({ to: join(folder, `${seed}.png`), seed })
    }
    process.env.FIRESTEEL_BENCH_PICTURES = folder
    yield `${pictures} thumbnails:`
    yield* linesOf(await compete(entriesOf('thumbnails', pictures), ROUNDS))
    yield `${pages} pages of 20 hosts, four of each at once:`
    yield* linesOf(await compete(entriesOf('scraper', pages), ROUNDS))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function* linesOf(standings: readonly Standing[]): Generator<string> {
  const plain = median(standings.at(-1)!.rates)
  for (const { entry, setting, rates } of standings) {
    const { by: _, ...shown } = setting
    const ratio = (plain / median(rates)).toFixed(2)
    yield `  ${entry.name.padEnd(10)} ${String(median(rates)).padStart(6)} /s, ${ratio} x the time of plain Node (${textOf(shown)})`
  }
}
