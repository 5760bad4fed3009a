import assert from 'node:assert/strict'
import { cp, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTestCluster, type StatusReport, type TestCluster } from '../harness/index.js'
import { ASKING, statusOf } from '../tools/status.js'
import { bin, Nest, program, sources } from './examples-fixture.js'

const CORES = 4
let cluster: TestCluster
before(async () => {
  cluster = await createTestCluster({ workers: 2, cores: CORES })
})
after(() => cluster.stop())

const runsOn = (nest: Nest, name: string, args: readonly string[]) => nest.node(program(name), args)

test('pi: the same number on a cluster of its own and on a running one', async () => {
  await using nest = await Nest.make()
  const own = await runsOn(nest, 'pi', ['12', '20000'])
  assert.equal(own.code, 0, own.stderr)
  const [, estimate] = /^pi is about (\d\.\d+) \(12 tasks/.exec(own.stdout) ?? []
  assert.ok(Math.abs(Number(estimate) - Math.PI) < 0.02, own.stdout)
  await nest.assertEmpty()

  const shared = await cluster.cli(['run', program('pi'), '12', '20000'])
  assert.deepEqual([shared.code, shared.stdout], [0, own.stdout], shared.stderr)
})

test('pi: a wrong argument is refused before anything starts', async () => {
  await using nest = await Nest.make()
  const { code, stderr } = await runsOn(nest, 'pi', ['many'])
  assert.equal(code, 2)
  assert.match(stderr, /^FIRESTEEL_USAGE: TASKS is many/)
  // `run` ends with the code of its program.
  const run = await cluster.cli(['run', program('pi'), 'many'])
  assert.equal(run.code, 2, run.stderr)
})

/** Pages of the folder that the example ships, by the order of their names. */
const PAGES = ['flint.html', 'index.html', 'iron.html', 'more/bark.html', 'more/tinder.html']

function crawled(stdout: string): { pages: string[]; broken: string[] } {
  const lines = stdout.trim().split('\n')
  const broken = lines.flatMap((line) => /^BROKEN ([^:]*): /.exec(line)?.[1] ?? [])
  const pages = lines.filter((line) => !line.startsWith('BROKEN')).map((line) => line.split('\t')[2] ?? '')
  return { pages: pages.sort(), broken }
}

test('crawler: every page once, broken links named, nothing outside its folder', async () => {
  await using nest = await Nest.make()
  const pages = join(sources, 'crawler', 'pages')
  const own = await runsOn(nest, 'crawler', [pages])
  assert.equal(own.code, 0, own.stderr)
  assert.deepEqual(crawled(own.stdout), { pages: PAGES, broken: ['matches.html'] })
  assert.match(own.stdout, /^\d+\t5\tindex\.html\tLighting a fire$/m)
  assert.match(own.stderr, /5 pages, 1 broken links/)
  await nest.assertEmpty()

  const bounded = await cluster.cli(['run', program('crawler'), join(pages, 'iron.html'), '2'])
  assert.equal(bounded.code, 0, bounded.stderr)
  assert.deepEqual(crawled(bounded.stdout), { pages: ['flint.html', 'iron.html'], broken: [] })
})

test('each: one line a file, in the order of their names, however they are called', async () => {
  await using nest = await Nest.make()
  const { folder } = nest
  await cp(join(sources, 'each'), join(folder, 'each'), { recursive: true })
  const env = { FIRESTEEL: `${process.execPath} ${bin}` }
  const script = join(folder, 'each', 'count-words.sh')
  const { code, stdout, stderr } = await nest.run('sh', [script], { env })
  assert.equal(code, 0, stderr)
  const expected = []
  for (const name of ['dry tinder.txt', 'flint.txt', 'iron.txt']) {
    const text = await readFile(join(folder, 'each', 'texts', name), 'utf8')
    expected.push(`${text.split(/\s+/).filter((word) => word !== '').length}\t${name}\n`)
  }
  assert.equal(stdout, expected.join(''))
  assert.deepEqual(await nest.processes(), [])

  const shared = await nest.run('sh', [script], {
    env: { ...env, FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: cluster.secret },
  })
  assert.deepEqual([shared.code, shared.stdout], [0, stdout], shared.stderr)
})

/** By the oldest way there is, and none of the example's. */
function sumOfPrimesBelow(end: number): number {
  const isComposite = new Uint8Array(end)
  let sum = 0
  for (let number = 2; number < end; number++) {
    if (isComposite[number]) continue
    sum += number
    for (let multiple = number * number; multiple < end; multiple += number) isComposite[multiple] = 1
  }
  return sum
}

interface JournalLine {
  generation: number
  step: number
  total: number
}

async function journalOf(path: string): Promise<JournalLine[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JournalLine]))
}

test('survivor: its Worker and the Master are killed under it, and the sum is right', async () => {
  await using nest = await Nest.make()
  const path = join(nest.folder, 'progress')
  // Many more than are done by the time of the second kill.
  const steps = 80
  const submitted = await cluster.cli([
    ...['submit', '--supervise', '--name', 'survivor', '--json'],
    ...[program('survivor'), path, String(steps), '60'],
  ])
  assert.equal(submitted.code, 0, submitted.stderr)
  const reached = (step: number) =>
    cluster.waitUntil(`step ${step}`, async () => (await journalOf(path)).some((line) => line.step >= step))

  await reached(4)
  await cluster.kill('m1')
  const survivor = await cluster.waitUntil(
    'the driver in the status of the next Master',
    async () => {
      const { drivers, workers } = await statusOf<StatusReport>(cluster)
      const driver = drivers.find(({ name, state }) => name === 'survivor' && state === 'RUNNING')
      const worker = workers.find(({ id }) => id === driver?.worker)
      return driver && worker && { driver, worker }
    },
    ASKING,
  )
  assert.equal(survivor.driver.generation, 1, 'a dead Master starts no driver again')

  await reached(10)
  await cluster.kill(survivor.worker.name)
  await reached(steps)
  await cluster.waitUntil(
    'the driver to be FINISHED',
    async () => {
      const { drivers } = await statusOf<StatusReport>(cluster)
      const state = drivers.find(({ name }) => name === 'survivor')?.state
      return state === 'FINISHED' || state === undefined
    },
    ASKING,
  )

  const lines = await journalOf(path)
  assert.equal(lines.at(-1)?.total, sumOfPrimesBelow(steps * 1000))
  const generations = [...new Set(lines.map(({ generation }) => generation))]
  assert.ok(generations.length >= 2, `generations ${generations}`)
  assert.deepEqual(
    generations,
    generations.toSorted((a, b) => a - b),
    'one at a time',
  )
  // Each step's line comes once, but for the line with which a life begins.
  for (const [index, line] of lines.entries()) {
    const before = lines[index - 1]
    if (before === undefined) continue
    const isNewLife = line.step === before.step
    assert.ok(isNewLife || line.step === before.step + 1, JSON.stringify([before, line]))
    if (isNewLife) assert.equal(line.total, before.total)
  }
  await cluster.waitAlive()
})

test('survivor: behind a higher generation it leaves, and its file stays as it is', async () => {
  await using nest = await Nest.make()
  const path = join(nest.folder, 'progress')
  const first = await nest.node(program('survivor'), [path, '1', '0'])
  assert.equal(first.code, 0, first.stderr)
  const before = await readFile(path, 'utf8')
  const old = await nest.node(program('survivor'), [path, '9', '0'], { env: { FIRESTEEL_GENERATION: '0' } })
  assert.deepEqual([old.code, await readFile(path, 'utf8')], [0, before], old.stderr)
  assert.match(old.stdout, /^superseded: generation 1 works on this; generation 0 leaves$/m)
  assert.equal(dirname(path), nest.folder)
  assert.deepEqual(await nest.processes(), [])
})
