import type { Fault } from './rates.js'

/** One line of the compiled protocol that is another. */
export interface Mutation {
  readonly name: string
  /** Below the build. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly replace: string
  /** Histories within which it must be found; default 60. */
  readonly seeds?: number
  /** Only these faults, where all together would be too rare. */
  readonly faults?: readonly Fault[]
  readonly chaosMs?: number
  /** Name of a script. */
  readonly script?: string
}

const store = 'test/simulation/store-model.js'
const falls: readonly Fault[] = [
  'storeLosesTail',
  'storeOtherBranch',
  'killLeader',
  'freezeLeader',
  'storeDown',
]
const frozen: readonly Fault[] = ['freezeLeader', 'cutLeaderFromStore', 'storeFrozen', 'cutLeaderFromLocks']

/** Every "Wrong:" of the protocol that cores or store can express, and what else would be easy to get wrong. */
export const mutations: readonly Mutation[] = [
  {
    name: 'the store does not compare epochs',
    file: store,
    find: 'if (at.epoch > fence.epoch)',
    replace: 'if (false)',
    faults: frozen,
  },
  {
    name: 'the store accepts another owner of the same epoch',
    file: store,
    find: 'if (at.epoch === fence.epoch && at.owner !== fence.owner)',
    replace: 'if (false)',
    script: 'two owners of one epoch',
  },
  {
    name: 'the store compares the number of a commit, not the mark',
    file: store,
    find: 'if (link !== undefined && link.prev !== at.mark)',
    replace: 'if (link !== undefined && link.n !== undefined && link.n !== at.position.seq + 1)',
    faults: falls,
  },
  {
    name: 'the store does not compare marks',
    file: store,
    find: 'if (link !== undefined && link.prev !== at.mark)',
    replace: 'if (false)',
    faults: falls,
  },
  {
    name: 'elect does not compare what was seen (INCR)',
    file: store,
    find: 'if (!isSame(at, seen ?? nobody))',
    replace: 'if (false)',
    faults: ['freezeMaster', 'freezeLeader', 'storeSlow', 'lockDown', 'killLeader'],
    seeds: 200,
  },
  {
    name: 'elect does not exceed the epoch that was heard of',
    file: store,
    find: 'const epoch = Math.max(at.epoch, heardEpoch) + 1;',
    replace: 'const epoch = at.epoch + 1;',
    faults: falls,
  },
  {
    name: 'an effect leaves before its write is durable',
    file: 'actors/master/master.js',
    find: 'const effects = step.gated.map((effect) => ({ effect, cause }));',
    replace: 'for (const effect of step.gated) this.#run(effect, cause); const effects = [];',
    faults: [...frozen, 'killLeader', 'storeDown'],
  },
  {
    name: 'an unknown outcome counts as done',
    file: 'runtime/persistence/commit-lane.js',
    find: "this.#backOff(sent, 'STORE_UNAVAILABLE', nowMs);",
    replace: 'return this.#succeed(sent);',
    faults: [...frozen, 'storeDown', 'storeSlow', 'killLeader'],
  },
  {
    name: 'no tail from other Masters',
    file: 'actors/master/fellow-desk.js',
    find: "step.tell(to, { type: 'RequestLostTail', base, earlier: [...earlier] });",
    replace: '',
    script: 'who has the image is slow',
  },
  {
    name: 'no tail from the own image',
    file: 'actors/master/master.js',
    find: 'this.#takeTail(tail);',
    replace: '',
    faults: ['storeLosesTail'],
  },
  {
    name: 'a generation is used again',
    file: 'actors/master/launching.js',
    find: 'const generation = driver.record.generation + 1;',
    replace: 'const generation = Math.max(1, driver.record.generation);',
    faults: ['killWorker', 'cutWorker', 'hostLost', 'killLeader'],
  },
  {
    name: 'a leader does not step down at its deadline',
    file: 'actors/election/election-core.js',
    find: 'if (now.monotonicMs >= tenure.deadlineMs) {',
    replace: 'if (false) {',
    faults: frozen,
  },
  {
    name: 'a Worker obeys a lower epoch',
    file: 'actors/worker/allegiance.js',
    find: 'if (leader && position.epoch < leader.epoch)',
    replace: 'if (false)',
    script: 'a command of a former leader arrives late',
  },
  {
    name: 'a new generation does not wait for the end of the old one',
    file: 'actors/worker/drivers.js',
    find: "if (entry.phase === 'held' && this.#generationsOf(driverId).length === 1)",
    replace: "if (entry.phase === 'held')",
    seeds: 300,
  },
  {
    name: 'a Worker starts a generation below one that it has decided',
    file: 'actors/worker/drivers.js',
    find: 'if (generation <= decided) {',
    replace: 'if (false) {',
    seeds: 200,
  },
  {
    name: 'what a Worker has refused is launched under the next number all the same',
    file: 'actors/master/driver-entry.js',
    find: 'Math.max(this.record.generation, decided)',
    replace: 'this.record.generation',
    script: 'a generation is given once more',
  },
  {
    name: 'a Worker does not send its unacknowledged ends again',
    file: 'actors/worker/worker-core.js',
    find: 'this.#tellLeader(change);\n        this.#tellFullReport',
    replace: ';\n        this.#tellFullReport',
    faults: ['killLeader', 'breakLinks', 'freezeLeader', 'cutLeaderFromWorkers'],
  },
  {
    name: 'a lost Worker is mourned no time at all',
    file: 'actors/master/workers.js',
    find: 'if (silentMs >= workerTimeoutMs) {',
    replace: 'if (silentMs >= workerTimeoutMs / 3) {',
    faults: ['cutWorker', 'partition', 'hostLost'],
    chaosMs: 200_000,
    seeds: 200,
  },
  {
    name: 'a refused Worker has no guard to wait for',
    file: 'actors/master/workers.js',
    find: 'const waitMs = certainty',
    replace: 'const waitMs = 0 && certainty',
    faults: ['killWorker'],
  },
  {
    name: 'silence counts from the last heartbeat, not from the election',
    file: 'actors/master/workers.js',
    find: 'const since = Math.max(worker.lastHeartbeatMs, books.leadership.electedAtMs);',
    replace: 'const since = 0;',
    faults: ['killLeader', 'cutWorker'],
  },
  {
    name: 'drivers that are not supervised are launched again',
    file: 'actors/master/workers.js',
    find: 'else if (driver.record.description.supervise) {',
    replace: 'else if (true) {',
    faults: ['killWorker', 'killLeader'],
  },
  {
    name: 'an ended driver does not give its room back',
    file: 'actors/master/submission.js',
    find: 'worker?.release(driverHolding(driverId, generation));',
    replace: ';',
  },
  {
    name: 'the key of an ended driver is forgotten',
    file: 'actors/master/submission.js',
    find: 'const ended = books.keys.get(key);',
    replace: 'const ended = undefined;',
  },
  {
    name: 'a submission does not wait until all keys are read',
    file: 'actors/master/submission.js',
    find: 'books.keysComplete || books.driversByKey.has(key)',
    replace: 'true || books.driversByKey.has(key)',
    faults: ['killLeader', 'terminateLeader'],
    seeds: 300,
  },
  {
    name: 'a kill is acknowledged and not written down',
    file: 'actors/master/submission.js',
    find: "step.put('driver', driverId, driver.record);\n        step.tell(workerId, { type: 'KillDriver'",
    replace: "step.tell(workerId, { type: 'KillDriver'",
    faults: ['killLeader', 'cutWorker', 'breakLinks'],
    seeds: 300,
  },
  {
    name: 'the tasks of a silent executor are given away without a word',
    file: 'actors/tasks/dispatch-losses.js',
    find: 'state.repeat(',
    replace: 'void (',
    faults: ['childCrash', 'killWorker'],
  },
  {
    name: "a client's word about epochs counts",
    file: 'runtime/transport/gateway.js',
    find: 'else if (!forSystem && admit && !admit(peer, type))',
    replace: 'else if (false)',
    faults: ['garbage', 'killLeader'],
    seeds: 200,
  },
  {
    name: 'records are read without the fence',
    file: store,
    find: 'if (this.#hasMoved(fence, mark))',
    replace: 'if (false)',
    faults: [...falls, 'storeSlow', 'freezeMaster'],
    seeds: 200,
  },
  {
    name: 'the epoch is the time of the store',
    file: store,
    find: 'const epoch = Math.max(at.epoch, heardEpoch) + 1;',
    replace: 'const epoch = Math.max(at.epoch, Math.floor((nowMs - Date.UTC(2026, 0, 1)) / 1000)) + 1;',
    faults: ['storeLosesTail', 'storeOtherBranch', 'clockJump', 'killLeader'],
    seeds: 200,
  },
  {
    name: 'what has no write leaves at once',
    file: 'actors/master/master.js',
    find: 'this.#driver?.submit({ puts: step.puts, deletes: step.deletes, effects });',
    replace:
      'if (step.puts.length + step.deletes.length === 0) for (const { effect } of effects) this.#run(effect, cause); ' +
      'else this.#driver?.submit({ puts: step.puts, deletes: step.deletes, effects });',
    faults: [],
  },
  {
    name: 'what came during a commit leaves with it',
    file: 'runtime/persistence/commit-lane.js',
    find: 'const steps = this.#queue.splice(0, this.#covered);',
    replace: 'const steps = this.#queue.splice(0);',
    faults: [],
  },
  {
    name: 'the image lacks what became durable',
    file: 'runtime/persistence/image.js',
    find: 'this.#tables?.apply(puts, deletes);',
    replace: ';',
    faults: ['storeLosesTail'],
  },
  {
    name: 'only the newest base counts for what the store may have forgotten',
    file: 'runtime/persistence/forgotten.js',
    find: 'return wasFoundBelow || isAnothers;',
    replace: 'return isAnothers;',
    script: 'elected three times, read by nobody',
  },
  {
    name: 'one epoch is one leadership, whoever led',
    file: 'runtime/persistence/forgotten.js',
    find: 'return wasFoundBelow || isAnothers;',
    replace: 'return wasFoundBelow;',
    script: 'one epoch on two branches',
  },
  {
    name: 'a leader that hears of a higher epoch leads on',
    file: 'actors/master/fellow-desk.js',
    find: '#deposed(step, epoch, owner) {',
    replace: '#deposed(step, epoch, owner) { return;',
    script: 'two owners of one epoch',
  },
  {
    name: 'a Master that may have what the store lost is not waited for',
    file: 'actors/master/recovery.js',
    find: ' && !(hasLost && books.awaitedTails.size > 0)',
    replace: '',
    script: 'who has the image is slow',
  },
  {
    name: 'the key of what ended before its record came is lost',
    file: 'actors/master/lost-tail.js',
    find: 'return keyOfEnded(books, step, record, ended);',
    replace: 'return false;',
    script: 'adopted, ended, and only then remembered',
  },
  {
    name: 'a kill is answered before the Master is ALIVE',
    file: 'actors/master/routing.js',
    find: "case 'RequestKillDriver':\n            if (!books.alive)",
    replace: "case 'RequestKillDriver':\n            if (false)",
    script: 'who has the image is slow',
  },
  {
    name: 'nobody looks whether a leader is gone',
    file: 'actors/election/candidacy.js',
    find: 'this.#closed.add(incarnation);',
    replace: ';',
    script: 'the leader is killed',
  },
  {
    name: 'candidates look once a lease, not when the lock runs out',
    file: 'actors/election/candidacy.js',
    find: "this.#wait(lockMs + limits.electionJitterMs * now.random, 'another Master leads');",
    replace: "this.#wait(this.#config.leaseMs, 'another Master leads');",
    script: 'the leader is frozen',
  },
  {
    name: "recovery waits for everybody (Spark's one step)",
    file: 'actors/master/recovery.js',
    find: 'if (overdue || allAnswered(books) || isQuiet(books, step))',
    replace: 'if (allAnswered(books))',
    script: 'a host is down while Masters change',
  },
  {
    name: 'a Worker obeys a second owner of one epoch',
    file: 'actors/worker/allegiance.js',
    find: "if (from !== leader.owner)\n                return 'stale';",
    replace: 'if (from !== leader.owner) this.#leader = { epoch: position.epoch, owner: from };',
    script: 'two owners of one epoch',
  },
  {
    name: 'a Worker takes more than it has',
    file: 'actors/worker/books.js',
    find: 'if (refusal !== undefined)\n            return refusal;',
    replace: '',
    faults: ['confusedLeader'],
  },
  {
    name: 'a kill frees the room at once',
    file: 'actors/worker/drivers.js',
    find: 'entry.killedBecause = because;',
    replace: 'entry.killedBecause = because; this.#desk.books.release(entry.key);',
    faults: ['cutWorker', 'killLeader'],
  },
  {
    name: 'a Worker never feels isolated',
    file: 'actors/worker/contact.js',
    find: 'if (this.#isolated || bootMs < this.isolatedAtBootMs)',
    replace: 'if (true)',
    faults: ['cutWorker'],
  },
  {
    name: 'the answer of any Master is contact',
    file: 'actors/worker/master-watch.js',
    find: 'this.#roster.answered(from, heartbeatSentAtMs, masters);',
    replace: 'this.#parts.contact.answered(heartbeatSentAtMs, now.bootMs); this.#parts.onContact();',
    script: 'a Worker is cut from its leader only',
  },
  {
    name: "heartbeats every quarter of the timeout (Spark's)",
    file: 'runtime/limits.js',
    find: 'heartbeatsPerTimeout: 12,',
    replace: 'heartbeatsPerTimeout: 4,',
    script: 'a Worker is cut off for a third of its timeout',
  },
  {
    name: 'a launch that never arrived holds its room',
    file: 'actors/master/reports.js',
    find: 'worker.release(driverHolding(driver.id, generation));',
    replace: ';',
    faults: ['killLeader', 'breakLinks', 'cutLeaderFromWorkers', 'slowNode'],
    seeds: 200,
  },
  {
    name: 'the cores of what is lost are given back twice',
    file: 'actors/master/worker-entry.js',
    find: 'this.#holdings.delete(key);',
    replace: ';',
  },
  {
    name: 'a report of another generation ends the accepted one',
    file: 'actors/master/submission.js',
    find: 'const accepted = driver?.record.workerId === from.incarnation && driver.record.generation === generation;',
    replace: 'const accepted = driver !== undefined;',
    faults: ['cutWorker', 'freezeWorker', 'hostLost'],
    seeds: 200,
  },
  {
    name: 'an application gets executors before it has answered',
    file: 'actors/master/scheduling.js',
    find: 'if (!app.answered || !app.linked)\n            continue;',
    replace: '',
    script: 'an application and its Worker are slow to answer',
  },
  {
    name: 'the result of an attempt that is not current counts',
    file: 'actors/tasks/dispatch-results.js',
    find: 'return task !== undefined && task.n === n ? task : undefined;',
    replace: 'return task;',
    faults: ['breakTasks', 'cutApplication'],
    seeds: 200,
  },
  {
    name: 'a result that is sent again is delivered again',
    file: 'actors/tasks/dispatch-results.js',
    find: "state.take(executor, task);\n        if (task.state === 'sent')",
    replace: 'if (true)',
    faults: ['breakTasks', 'cutApplication'],
  },
]
