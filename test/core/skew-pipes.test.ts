import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HAND_OVER_VERSION, type HandedOver } from '../../actors/worker/restart/former-worker.js'
import { WorkerCore } from '../../actors/worker/worker-core.js'
import { workerTimes } from '../../actors/worker/worker-identity.js'
import { nodePipe, readSpec } from '../../runtime/launch/node/node-pipe.js'
import * as guardLedger from '../../runtime/process/guard-ledger.js'
import * as guardLines from '../../runtime/process/guard-lines.js'
import { type PipeLine, pipeLines, pipeNames } from '../fixtures/pipes.js'
import { currentRelease, readLines, recordCommand, recordedReleases } from '../fixtures/releases.js'
import { identity, MASTER_ADDRESS } from '../tools/worker-fixture.js'

/*
 * Processes of one machine that may be of two releases: a node and its launcher, a Worker and the guard of
 * the process before. What a recorded release said is understood.
 */

const label = ({ pipe, kind }: PipeLine): string => `${pipe} ${kind}`
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** `a.b` of every field that is set, but those of maps that people fill. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path]
  return [path, ...Object.entries(value).flatMap(([key, child]) => fieldsOf(child, `${path}.${key}`))]
}

/** What a line to a guard carries. */
const carried = (sent: unknown): unknown => {
  if (typeof sent !== 'string') return sent
  const at = sent.indexOf('{')
  return at < 0 ? sent.split(' ').length : JSON.parse(sent.slice(at))
}

/**
 * Fields that came with a release, and that are read as if they were what is named here where an older one
 * does not send them. Whoever adds a field to a pipe makes its reader take it so, and names it here.
 */
const later: ReadonlySet<string> = new Set()

for (const release of recordedReleases()) {
  const lines = readLines<PipeLine>(release, 'pipes.jsonl')

  test(`${release}: everything that this build reads from a pipe was there, or has a default`, () => {
    const sent = new Map(lines.map((line) => [label(line), new Set(fieldsOf(carried(line.sent)))]))
    const missing = plain(pipeLines()).flatMap((line) =>
      fieldsOf(carried(line.sent))
        .filter((field) => !sent.get(label(line))?.has(field))
        .map((field) => `${label(line)}${field}`)
        .filter((field) => !later.has(field)),
    )
    assert.deepEqual(missing, [])
  })

  test(`${release}: what it said is understood`, () => {
    const of = (pipe: string, kind: string): unknown => {
      const found = lines.find((line) => line.pipe === pipe && line.kind === kind)
      assert.ok(found, `${pipe} ${kind}`)
      return found.sent
    }
    for (const role of ['master', 'worker']) {
      const { pipe: _, ...spec } = of('launcher-to-node', role) as { pipe: number }
      assert.deepEqual(readSpec(of('launcher-to-node', role)), spec)
    }
    const ledger = new guardLedger.GuardLedger()
    for (const kind of ['grace', 'add']) assert.ok(ledger.apply(of('worker-to-guard', kind) as string), kind)
    assert.equal(ledger.groups.length, 1)
    assert.ok(ledger.apply(of('worker-to-guard', 'remove') as string))
    assert.equal((of('guard-to-worker', 'yours') as guardLines.Yours).version, guardLines.guardVersion)
    const { version, core } = of('hand-over', 'worker') as HandedOver
    assert.equal(version, HAND_OVER_VERSION)
    const now = { monotonicMs: 1000, bootMs: 1000, wallMs: 1000 }
    const next = new WorkerCore(identity, workerTimes(60_000, {}), [MASTER_ADDRESS], now, core)
    const { executors, drivers } = next.status()
    assert.deepEqual([executors.length, drivers.length], [1, 1])
  })
}

test('this build says what was recorded for its release', () => {
  const recorded = readLines<PipeLine>(currentRelease, 'pipes.jsonl')
  assert.deepEqual(plain(pipeLines()), recorded, `If it is meant: ${recordCommand}`)
  assert.deepEqual([...new Set(recorded.map(({ pipe }) => pipe))].sort(), [...pipeNames].sort())
})

test('every kind of line that a Worker can send to a guard is recorded', () => {
  const made = Object.keys({ ...guardLedger, ...guardLines }).flatMap(
    (name) => /^(\w+)(?:Line|Verb)$/.exec(name)?.[1] ?? [],
  )
  const recorded = pipeLines().flatMap(({ pipe, kind }) => (pipe === 'worker-to-guard' ? [kind] : []))
  assert.deepEqual(recorded.sort(), [...new Set(made)].sort())
})

test('a node refuses a launcher of another version, and says both', () => {
  const of = (pipe: number) => ({ ...(pipeLines()[0]!.sent as object), pipe })
  for (const pipe of [nodePipe.min - 1, nodePipe.max + 1])
    assert.throws(() => readSpec(of(pipe)), {
      code: 'FIRESTEEL_VERSION_UNSUPPORTED',
      message: `The launcher of this node speaks version ${pipe} of their pipe, and this release 1.`,
    })
  const { pipe: _, ...bare } = of(1)
  assert.deepEqual(readSpec(bare), bare)
})
