import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedValues, savedDriver } from '../../actors/master/driver-entry.js'
import type { MasterCore } from '../../actors/master/master-core.js'
import { FlightRecorder } from '../../actors/master/replay/flight-recorder.js'
import type { InputLine } from '../../actors/master/replay/recording.js'
import { loadCluster, saveCluster } from '../../actors/master/replay/saved-core.js'
import { SegmentReplay } from '../../actors/master/replay/segment-replay.js'
import { stateLines } from '../../actors/master/replay/state-lines.js'
import { silentLog } from '../../runtime/observe/log.js'
import type { SegmentSink } from '../../runtime/recording/segment-sink.js'
import { MasterWorld, masterConfig } from '../tools/master-fixture.js'

/*
 * Recordings of a Master's core and their replay. That every decision is equal is asked by every test of the
 * core, since MasterWorld replays what it does, and by the simulator. Here are the shapes, and what a replay
 * says where it differs.
 */

/** Keeps all lines. */
class Lines implements SegmentSink {
  readonly lines: string[] = []
  readonly isReady = true
  readonly isFull = false
  isOpen = false

  begin(head: (segment: number) => Iterator<string>): void {
    this.isOpen = true
    this.lines.push(...{ [Symbol.iterator]: () => head(1) })
  }

  append(line: string): void {
    this.lines.push(line)
  }

  end(line: string): void {
    this.lines.push(line)
    this.isOpen = false
  }

  async close(): Promise<void> {}
}

/** A Master with a Worker, drivers that run and wait, and an application with executors. */
function populated(world = new MasterWorld()): MasterWorld {
  world.elect()
  world.worker('w1', { cores: 8, memoryMib: 4096 })
  world.submitted({ supervise: true })
  world.submitted({ cores: 100 })
  world.application('a1')
  return world
}

/** The lines of a short life, the core that lived it, and the numbers of its inputs. */
async function recorded(): Promise<{ lines: string[]; core: MasterCore }> {
  const sink = new Lines()
  const recorder = new FlightRecorder({ sink, clock: { wallMs: () => 0 }, log: silentLog })
  const world = new MasterWorld({}, { isReplayed: false })
  world.core = recorder.newCore(world.config, 'm1-1')
  populated(world)
  world.advance(1000)
  await recorder.close()
  return { lines: sink.lines, core: world.core }
}

function replay(lines: readonly string[]): SegmentReplay & { difference?: string } {
  const segment: SegmentReplay & { difference?: string } = new SegmentReplay()
  for (const line of lines) {
    const replayed = segment.take(JSON.parse(line))
    const { difference } = replayed ?? {}
    if (!difference || segment.difference) continue
    segment.difference = `${replayed?.line.n}: ${difference.expected} | ${difference.got}`
  }
  return segment
}

const isInput = (line: string, kind: string): boolean => (JSON.parse(line) as InputLine).input?.kind === kind

test('what is saved of an entry has every field of it: one that is forgotten is lost at the next segment', () => {
  const { cluster } = populated().core
  const missing = (entry: object, saved: object, derived: readonly string[]): string[] =>
    Object.keys(entry).filter((name) => !derived.includes(name) && !Object.hasOwn(saved, name))
  const [worker] = cluster!.workers.values()
  const [app] = cluster!.apps.values()
  const [driver] = cluster!.drivers.values()
  const { head, tables } = saveCluster(cluster!)
  // Its drain is found by its name and host.
  assert.deepEqual(missing(worker!, worker!.save(), ['id', 'drain']), [])
  // What was told LOST is a table of its own.
  assert.deepEqual(missing(app!, app!.save(), ['id', 'lost', 'shown']), [])
  const values: unknown[] = []
  driver!.capture(values, 0)
  assert.equal(values.length, capturedValues)
  assert.deepEqual(missing(driver!, savedDriver(values, 0), ['id', 'number', 'waitsIn', 'shown']), [])
  // The peers are saved with the core, because they are known before there is a cluster state.
  // What is being replaced is said in the records, and who has which code by each Worker.
  const derived = ['config', 'peers', 'replacing', 'codeHolders']
  assert.deepEqual(missing(cluster!, { ...head, ...tables }, derived), [])
})

test('a state that is loaded is saved again as it was', () => {
  const { cluster } = populated().core.save()
  const again = saveCluster(loadCluster(masterConfig, JSON.parse(JSON.stringify(cluster))))
  assert.equal(JSON.stringify(again), JSON.stringify(cluster))
  assert.ok(cluster!.tables.drivers.length === 2 && cluster!.tables.waiting.length > 0)
})

test('a state that was captured is what it was then, however late its rows are made', () => {
  const world = populated(new MasterWorld({}, { isReplayed: false }))
  world.submitted({ supervise: true })
  const { core } = world
  const linesNow = [...stateLines(core.save())]
  const captured = core.capture()
  // What a Master does with its entries afterwards: it writes records again, places, ends and adds drivers.
  for (const { record } of core.cluster!.drivers.values()) Object.assign(record, { at: { epoch: 9, seq: 9 } })
  for (const driver of core.cluster!.drivers.values()) {
    driver.message = 'changed'
    driver.notBeforeMs = 99
    driver.hasFailed = true
  }
  world.unlink('w1')
  world.submitted({ cores: 2 })
  world.worker('w2', { cores: 8, memoryMib: 4096 })
  const [first] = core.cluster!.drivers.keys()
  world.ask('client', { type: 'RequestKillDriver', driverId: first as string })
  world.advance(120_000)
  assert.notEqual(JSON.stringify([...stateLines(core.save())]), JSON.stringify(linesNow))
  assert.deepEqual([...stateLines(captured)], linesNow)
})

test('a recording replays: all decisions are equal, and so is the state at its end', async () => {
  const { lines, core } = await recorded()
  const segment = replay(lines)
  assert.equal(segment.difference, undefined)
  assert.equal(segment.end?.why, 'the Master stops')
  assert.ok(segment.inputs > 10)
  assert.equal(JSON.stringify(segment.core?.save()), JSON.stringify(core.save()))
})

test('a time that is not recorded, or an input that is missing, is a difference and says where', async () => {
  const { lines } = await recorded()
  const at = lines.findIndex((line) => line.includes('"RequestSubmitDriver"'))
  const { n } = JSON.parse(lines[at] as string) as InputLine
  const otherTime = lines.with(at, (lines[at] as string).replace(/"at":\[[^\]]*\]/, '"at":[0,0]'))
  assert.match(
    replay(otherTime).difference ?? '',
    new RegExp(`^${n}: put driver driver-2023.* \\| put driver driver-1970`),
  )
  const otherMessage = lines.with(at, (lines[at] as string).replace('"cores":1', '"cores":2'))
  assert.match(
    replay(otherMessage).difference ?? '',
    new RegExp(`^${n}: put driver (\\S+) \\w+ \\| put driver \\1 \\w+$`),
  )
})

test('a core that fails is recorded with its failure, and fails again', async () => {
  const sink = new Lines()
  const recorder = new FlightRecorder({ sink, clock: { wallMs: () => 0 }, log: silentLog })
  const core = recorder.newCore(masterConfig, 'm1-1')
  const view = { position: { epoch: 0, seq: 0 }, degradation: undefined }
  const broken = { kind: 'linkUp', peer: null } as never
  assert.throws(() => core.step(broken, { monotonicMs: 1, wallMs: 1 }, view), TypeError)
  await recorder.close()
  const segment = replay(sink.lines)
  assert.equal(segment.difference, undefined)
  assert.match(sink.lines.at(-2) ?? '', /"threw":"Cannot read properties of null/)
})

test('lines that are none, or stand in a wrong place, are refused with the rule', async () => {
  const { lines } = await recorded()
  const inputAt = lines.findIndex((line) => isInput(line, 'linkUp'))
  const refused = (of: readonly string[], rule: RegExp) => assert.throws(() => replay(of), rule)
  refused(lines.slice(1), /RangeError: it is not the header of a recording/)
  refused(lines.toSpliced(inputAt, 1), /RangeError: input \d+ stands behind \d+/)
  refused([lines[0]!, ...lines.slice(inputAt)], /RangeError: it is no line of a state/)
  refused([...lines, lines.at(-1)!], /RangeError: it stands behind the last line of the segment/)
  refused(['7'], /RangeError: it is no object/)
  const shorter = [...lines.slice(0, -2), lines.at(-1)!]
  refused(shorter, /RangeError: the segment ends after input \d+, and \d+ was the last/)
})
