import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MasterCore } from '../../actors/master/master-core.js'
import { FlightRecorder } from '../../actors/master/replay/flight-recorder.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { systemClock } from '../../runtime/clock.js'
import { silentLog } from '../../runtime/observe/log.js'
import { ownFolder } from '../../runtime/recording/segment-folder.js'
import { SegmentWriter } from '../../runtime/recording/segment-writer.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { median } from './contender.js'

/*
 * What the flight recorder costs: processor time of a Master's core with and without it, its writer included,
 * and the turn in which the state of a large cluster is copied at the beginning of a segment.
 */

const ROUNDS = 8
/** Submissions in each round, and heartbeats beside each: a Master hears many more of these. */
const SUBMISSIONS = 1000
const HEARTBEATS = 10
const LARGE = { workers: 1000, drivers: 30_000 } as const
const MAX_MIB = 256

export interface RecorderResult {
  /** Processor time of one input in microseconds, without and with the recorder. */
  readonly inputUs: readonly [without: number, recorded: number]
  readonly large: typeof LARGE
  /** The turn in which the state of the large cluster is copied, milliseconds. */
  readonly copyMs: { readonly p50: number; readonly most: number }
}

export async function benchRecorder(): Promise<RecorderResult> {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-recorder-'))
  try {
    const path = join(folder, 'recording')
    const files = await ownFolder(path)
    const maxBytes = MAX_MIB * 1024 * 1024
    const sink = new SegmentWriter({ folder: path, files, maxBytes, clock: systemClock, log: silentLog })
    const recorder = new FlightRecorder({ sink, clock: systemClock, log: silentLog })
    const plain = worldOf((world) => world.core)
    const recorded = worldOf((world) => recorder.newCore(world.config, 'bench'))
    const times: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      times[0].push(await processorUs(() => feed(plain.core, round)))
      times[1].push(await processorUs(() => feed(recorded.core, round)))
    }
    await recorder.close()
    const each = (of: readonly number[]): number => median(of) / (SUBMISSIONS * (1 + HEARTBEATS))
    const copies = copyTimes()
    return {
      inputUs: [each(times[0]), each(times[1])],
      large: LARGE,
      copyMs: { p50: median(copies), most: Math.max(...copies) },
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function worldOf(core: (world: MasterWorld) => MasterCore): MasterWorld {
  const world = new MasterWorld({}, { isReplayed: false })
  world.core = core(world)
  world.elect()
  world.worker('w1', { cores: 8, memoryMib: 4096 })
  world.link('client', 'client')
  return world
}

/** What the writer still has to do belongs to what it costs. */
async function processorUs(work: () => void): Promise<number> {
  const before = process.cpuUsage()
  work()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function feed(core: MasterCore, round: number): void {
  const description = { ...driverDescription, cores: 100 }
  const view = { position: { epoch: 1, seq: round }, degradation: undefined }
  const heartbeat = { type: 'Heartbeat', workerId: 'w1', sentAtMs: 0 } as const
  for (let at = 0; at < SUBMISSIONS; at++) {
    const now = { monotonicMs: 1000 * round + at, wallMs: 1.7e12 + 1000 * round + at }
    const key = `${round}-${at}`
    const submit = { type: 'RequestSubmitDriver', key, description } as const
    core.step({ kind: 'message', from: 'client', message: submit, reply: key }, now, view)
    for (let beat = 0; beat < HEARTBEATS; beat++)
      core.step({ kind: 'message', from: 'w1', message: heartbeat }, now, view)
  }
}

function copyTimes(): number[] {
  const world = new MasterWorld({}, { isReplayed: false })
  world.elect()
  for (let worker = 0; worker < LARGE.workers; worker++)
    world.worker(`w${worker}`, { port: 10_000 + worker, cores: 8, memoryMib: 4096 })
  for (let driver = 0; driver < LARGE.drivers; driver++) world.submitted({ cores: 1 })
  return Array.from({ length: ROUNDS }, () => {
    const beganMs = performance.now()
    world.core.capture()
    return performance.now() - beganMs
  })
}
