import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { drawShape, randomFor, workerTimeoutMs } from '../soak/draw.js'
import { faultNames } from '../soak/fault-names.js'
import { drawFault } from '../soak/faults/all.js'
import { GrowingFile } from '../soak/growing-file.js'
import { parseCommandLine } from '../soak/options.js'
import {
  countViolations,
  isClean,
  replayCommand,
  roundLine,
  type SoakReport,
  tables,
} from '../soak/report.js'
import type { RoundReport } from '../soak/round.js'
import { violation, violationKinds } from '../soak/violations.js'

test('the command line', () => {
  const parse = (...args: string[]) => parseCommandLine(args, 5)
  const { json, keep, from, seed, rounds, minutes, faults } = parse()
  assert.deepEqual([json, keep, from, seed, rounds, minutes], [false, false, 1, 5, undefined, 10])
  assert.deepEqual(faults, faultNames)
  const some = parse(
    '--rounds',
    '7',
    '--seed',
    '9',
    '--from',
    '3',
    '--faults',
    'disk-full,leader-killed',
    '--keep',
  )
  assert.deepEqual([some.rounds, some.seed, some.from, some.keep], [7, 9, 3, true])
  assert.deepEqual(some.faults, ['leader-killed', 'disk-full'])
  for (const wrong of [
    ['--rounds', '0'],
    ['--minutes', 'many'],
    ['--minutes', '1', '--rounds', '1'],
    ['--faults', 'nap'],
    ['--faults', ''],
    ['--what'],
  ]) {
    assert.throws(() => parse(...wrong), wrong.join(' '))
  }
})

test('a seed draws the same again, and everything some time', () => {
  const fault = (seed: number, round: number): string =>
    drawFault(randomFor(seed, 'fault', round), faultNames, drawShape(seed, round)).name
  for (let round = 1; round < 20; round++) {
    assert.equal(fault(3, round), fault(3, round))
    assert.deepEqual(drawShape(3, round), drawShape(3, round))
  }
  const many = Array.from({ length: 1000 }, (_, round) => round)
  assert.deepEqual(new Set(many.map((round) => fault(3, round))), new Set(faultNames))
  const shapes = many.map((number) => drawShape(4, number))
  for (const [key, values] of [
    ['store', 2],
    ['locks', 2],
    ['workers', 2],
    ['leaseMs', 3],
  ] as const) {
    assert.equal(new Set(shapes.map((shape) => shape[key])).size, values, key)
  }
  for (const shape of shapes) assert.ok(workerTimeoutMs(shape) >= 4 * shape.leaseMs)
})

test('only what fits a cluster is drawn for it', () => {
  const shape = { store: 'server', locks: 0, workers: 2, leaseMs: 1000 } as const
  const random = randomFor(1, 'fault', 1)
  assert.throws(() => drawFault(random, ['lock-killed', 'store-lost-writes'], shape))
  assert.equal(drawFault(random, ['lock-killed', 'disk-full'], shape).name, 'disk-full')
})

const round: RoundReport = {
  number: 4,
  fault: 'leader-killed',
  what: 'kill -9 of m1, the leader',
  skipped: undefined,
  wellMs: 1234,
  tookMs: 5000,
  epochs: 1,
  tasks: 100,
  reruns: 0,
  submissions: 9,
  kills: 2,
  violations: [],
}

function reportOf(change: Partial<RoundReport>): SoakReport {
  const shape = { store: 'server', locks: 3, workers: 2, leaseMs: 1000 } as const
  const cluster = { shape, tasks: 100, submissions: 9, kills: 2, livesJudged: 3, violations: [] }
  return { seed: 6, folders: [], clusters: [{ ...cluster, rounds: [round, { ...round, ...change }] }] }
}

test('any violation is counted, and named with what replays it', () => {
  const clean = reportOf({})
  assert.equal(isClean(clean), true)
  assert.equal(replayCommand(clean, { roundsPerCluster: 40 }), undefined)
  for (const kind of violationKinds) {
    const broken = reportOf({ number: 5, violations: [violation(kind, 'so')] })
    assert.equal(isClean(broken), false)
    assert.equal(countViolations(broken)[kind], 1)
    const command = 'npm run soak -- --seed 6 --from 5 --rounds 1 --cluster 40'
    assert.equal(replayCommand(broken, { roundsPerCluster: 40 }), command)
    assert.equal(replayCommand(broken, { roundsPerCluster: 40, isSecure: true }), `${command} --secure`)
    assert.match(roundLine(6, broken.clusters[0]!.rounds[1]!), new RegExp(`VIOLATION ${kind}: so`))
  }
})

test('the tables count rounds, times and what was skipped', () => {
  const text = tables(reportOf({ skipped: 'no disk' }))
  assert.match(text, /\| leader-killed \| 1 \| 1 \| 1\.2 s \| 1\.2 s \| 1 \|/)
  assert.match(text, /^Skipped: leader-killed: no disk$/m)
  assert.match(text, /\| acknowledged submissions lost \| 0 \|/)
  assert.match(
    tables(reportOf({ wellMs: Number.NaN })),
    /\| leader-killed \| 2 \| 0 \| 1\.2 s \| 1\.2 s \| 2 \|/,
  )
})

test('a growing file is read on, in whole lines', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-soak-'))
  const file = new GrowingFile(join(folder, 'lines'))
  assert.deepEqual(await file.read(), [])
  await appendFile(file.path, 'one\ntw')
  assert.deepEqual(await file.read(), ['one'])
  assert.deepEqual(await file.read(), [])
  await appendFile(file.path, 'o\n')
  assert.deepEqual(await file.read(), ['two'])
  await rm(folder, { recursive: true })
})
