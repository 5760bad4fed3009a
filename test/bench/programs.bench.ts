import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drawPicture } from '../../examples/thumbnails/tasks.js'
import { compete, type Entry, gridOf, median, type Standing, textOf } from './contender.js'

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

function entriesOf(program: 'thumbnails' | 'scraper', tasks: number): Entry[] {
  const module = `./${program}.contender.js`
  const isWaiting = program === 'scraper'
  const many = isWaiting ? [40, 80] : [1, 2]
  const grid = {
    Firesteel: gridOf({ by: ['firesteel'], threads: [1, CORES], tasksPerThread: isWaiting ? many : [1] }),
    Piscina: gridOf({ by: ['piscina'], threads: [1, CORES], tasksPerThread: many }),
    'plain Node': gridOf({ by: ['plain'], threads: [1], tasksPerThread: isWaiting ? [80] : many }),
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

/** `programs.bench.js [PICTURES [PAGES]]` */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [pictures = 500, pages = 20_000] = process.argv.slice(2).map(Number)
  for await (const line of benchPrograms({ pictures, pages })) console.log(line)
}
