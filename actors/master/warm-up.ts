import { setImmediate as nextTurn } from 'node:timers/promises'
import { innerLimits } from '../../runtime/inner-limits.js'
import { CommitQueue } from '../../runtime/persistence/commit-queue.js'
import { catalogue, violation } from '../messages/catalogue.js'
import type { MasterConfig } from './master-config.js'
import { MasterCore } from './master-core.js'
import { putsOf, ReadRecords } from './read-records.js'
import { type RecordTable, recordViolations } from './records.js'
import type { GatedEffect } from './step.js'
import { at, checked, ended, observed, records } from './warm-up-samples.js'

/*
 * A STANDBY's first election would run everything for the first time: V8 compiles a function, and zod a
 * schema, when it is first used, and both run slowly at first. So it plays some through in memory. Measured
 * in processor time: the first recovery of a process takes 50 to 60 ms, one after a warm-up 3 ms. The warm-up
 * itself takes 130 ms, once, in small turns.
 */

/** How often: V8 compiles well what ran some hundred times, and a take-over reads some hundred records. */
const PASSES = innerLimits.warmUpPasses

/**
 * Runs recoveries, one per turn of the event loop, so that it delays nothing. It has no outside effect: the
 * core is pure, and its effects are dropped.
 */
export async function warmUp(config: MasterConfig, isNeeded: () => boolean): Promise<void> {
  for (const type of catalogue.master.keys()) violation('master', { type })
  for (let pass = 0; pass < PASSES && isNeeded(); pass++) {
    play(config)
    await nextTurn()
  }
}

function play(config: MasterConfig): void {
  for (const [table, rows] of Object.entries(checked)) {
    for (const row of rows) recordViolations[table as RecordTable](row)
  }
  void [...putsOf('key', { records: records.keys, next: undefined })]
  const read = new ReadRecords()
  read.add('drivers', { records: records.drivers.map((record) => [record.id, record]), next: undefined })
  read.add('ended', { records: ended.map((record) => [record.id, record]), next: undefined })
  void [...read.pieces()]
  const core = new MasterCore(config)
  const commitQueue = new CommitQueue<GatedEffect>({
    epoch: 2,
    base: at,
    writeId: 'm',
    newWriteId: () => 'n',
  })
  for (const input of observed) {
    if (input.kind === 'message') violation('master', input.message)
    const now = { monotonicMs: 0, wallMs: 0 }
    const step = core.step(structuredClone(input), now, {
      position: commitQueue.position,
      degradation: undefined,
    })
    commitQueue.submit({ puts: step.puts, deletes: step.deletes, effects: step.gated })
    const request = commitQueue.next(0)
    if (request && request.kind !== 'wait')
      commitQueue.settled({ kind: 'ok', position: commitQueue.position }, 0)
  }
  core.snapshot({ position: commitQueue.position, degradation: undefined }, { monotonicMs: 0, wallMs: 0 })
}
