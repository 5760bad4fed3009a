import type { Fault } from './rates.js'

/** One changed line of the compiled protocol. */
export interface Mutation {
  readonly name: string
  /** Below the build. */
  readonly file: string
  /** Occurs there exactly once. */
  readonly find: string
  readonly replace: string
  /** Histories within which it must be found. Default 60. */
  readonly seeds?: number
  /** Only these faults, because all together would rarely show it. */
  readonly faults?: readonly Fault[]
  readonly chaosMs?: number
  /** Name of a script. */
  readonly script?: string
  /**
   * File of the unit test that must find it instead of histories, for what the shipped peers never do to each
   * other.
   */
  readonly test?: string
  /** Default: a cluster. */
  readonly explores?: 'threads'
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

/**
 * Every "Tempting, but wrong" of the protocol that cores or store can express, and other mistakes that are
 * easy to make.
 */
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
    name: 'the store compares the number of a commit, not the write id',
    file: store,
    find: 'if (link !== undefined && link.prev !== at.writeId)',
    replace: 'if (link !== undefined && link.n !== undefined && link.n !== at.position.seq + 1)',
    faults: falls,
  },
  {
    name: 'the store does not compare write ids',
    file: store,
    find: 'if (link !== undefined && link.prev !== at.writeId)',
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
    find: 'const epoch = Math.max(at.epoch, observedEpoch) + 1;',
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
    file: 'runtime/persistence/commit-queue.js',
    find: "this.#backOff(sent, 'STORE_UNAVAILABLE', nowMs);",
    replace: 'return this.#succeed(sent);',
    faults: [...frozen, 'storeDown', 'storeSlow', 'killLeader'],
  },
  {
    name: 'no lost writes from other Masters',
    file: 'actors/master/lost-writes/request.js',
    find: 'step.tell(to, requestOf(cluster));',
    replace: '',
    script: 'who has the record cache is slow',
  },
  {
    name: 'no lost writes from the own record cache',
    file: 'actors/master/master.js',
    find: 'this.#ownLostWrites = lostWrites;',
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
    script: 'a leader hears of nothing',
  },
  {
    name: 'a Worker obeys a lower epoch',
    file: 'runtime/persistence/leader-tracker.js',
    find: 'if (leader && epoch < leader.epoch)',
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
    find: 'const since = Math.max(worker.lastHeartbeatMs, cluster.leadership.electedAtMs);',
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
    find: 'const ended = cluster.keys.get(key);',
    replace: 'const ended = undefined;',
  },
  {
    name: 'a submission does not wait until all keys are read',
    file: 'actors/master/submission.js',
    find: 'cluster.keysComplete || cluster.driversByKey.has(key)',
    replace: 'true || cluster.driversByKey.has(key)',
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
    find: 'if (admit && !admit(peer, type))',
    replace: 'if (false)',
    faults: ['garbage', 'killLeader'],
    seeds: 200,
  },
  {
    name: 'records are read without the fence',
    file: store,
    find: 'if (this.#hasMoved(fence, writeId))',
    replace: 'if (false)',
    faults: [...falls, 'storeSlow', 'freezeMaster'],
    seeds: 200,
  },
  {
    name: 'the epoch is the time of the store',
    file: store,
    find: 'const epoch = Math.max(at.epoch, observedEpoch) + 1;',
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
    file: 'runtime/persistence/commit-queue.js',
    find: 'const steps = this.#queue.splice(0, this.#covered);',
    replace: 'const steps = this.#queue.splice(0);',
    faults: [],
  },
  {
    name: 'the record cache lacks what became durable',
    file: 'runtime/persistence/record-cache.js',
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
    file: 'actors/election/election-core.js',
    find: 'this.#claimed(tenure, message.epoch, now.monotonicMs);',
    replace: ';',
    script: 'two owners of one epoch',
  },
  {
    name: 'a Master that may have what the store lost is not waited for',
    file: 'actors/master/recovery.js',
    find: ' && !(hasLost && awaitedLostWrites.size > 0)',
    replace: '',
    script: 'who has the record cache is slow',
  },
  {
    name: 'what was launched since is let run when its end is remembered',
    file: 'actors/master/lost-writes/take-back.js',
    find: 'if (held)\n            giveUp(cluster, step, held);',
    replace: '',
    script: 'killed, forgotten, launched, and only then remembered',
  },
  {
    name: 'the key of what ended before its record came is lost',
    file: 'actors/master/lost-writes/take-back-driver.js',
    find: 'return keyOfEnded(cluster, step, record, ended);',
    replace: 'return false;',
    script: 'adopted, ended, and only then remembered',
  },
  {
    name: 'the end of a driver that nobody knows yet is acknowledged',
    file: 'actors/master/submission.js',
    find: 'if (over && !isKnownDriver(cluster, driverId) && mayComeBack(cluster, step.now))',
    replace: 'if (false)',
    script: 'its end first, its submission afterwards',
  },
  {
    name: 'a kill is answered before the Master is ALIVE',
    file: 'actors/master/routes.js',
    find: "RequestKillDriver: {\n        sender: 'anybody',\n        master: 'ALIVE'",
    replace: "RequestKillDriver: {\n        sender: 'anybody',\n        master: 'leader'",
    script: 'who has the record cache is slow',
  },
  {
    name: 'nobody looks whether a leader is gone',
    file: 'actors/election/candidacy.js',
    find: 'this.#closed.add(incarnation);',
    replace: ';',
    script: 'the leader is killed',
  },
  {
    name: 'one lock server that is away is no majority',
    file: 'actors/election/quorum-lock.js',
    find: 'if (failures.length >= needed)',
    replace: 'if (failures.length > 0)',
    script: 'a lock server is away, and the leader is killed',
  },
  {
    name: 'a candidate waits for a lock server that is silent',
    file: 'actors/election/quorum-lock.js',
    find: 'Promise.race([this.#unlessRefused(taken), this.#undecided()])',
    replace: 'this.#unlessRefused(taken)',
    script: 'a lock server is away, and the leader is killed',
  },
  {
    name: 'what a minority of the lock servers gave is kept',
    file: 'actors/election/quorum-lock.js',
    find: 'if (!isOurs) {',
    replace: 'if (false) {',
    script: 'a lock server is away, and the leader is killed',
  },
  {
    name: 'an attempt at the lock has no end',
    file: 'actors/election/quorum-lock.js',
    find: 'before(work, attemptMs(this.#leaseMs), ',
    replace: 'before(work, 1e9, ',
    faults: ['cutLeaderFromLocks', 'lockDown', 'lockFrozen', 'killLeader', 'freezeMaster'],
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
    find: 'if (overdue || allAnswered(cluster) || isQuiet(cluster, step))',
    replace: 'if (allAnswered(cluster))',
    script: 'a host is down while Masters change',
  },
  {
    name: 'a Worker obeys a second owner of one epoch',
    file: 'runtime/persistence/leader-tracker.js',
    find: "if (judged === 'stale')\n            return judged;",
    replace:
      "if (judged === 'stale') { if (leader.epoch !== this.epoch) return judged; this.#leader = leader; return 'current'; }",
    script: 'two owners of one epoch',
  },
  {
    name: 'a Worker takes more than it has',
    file: 'actors/worker/resource-account.js',
    find: 'if (refusal !== undefined)\n            return refusal;',
    replace: '',
    faults: ['confusedLeader'],
  },
  {
    name: 'a kill frees the room at once',
    file: 'actors/worker/drivers.js',
    find: 'entry.killedBecause = because;',
    replace: 'entry.killedBecause = because; this.#context.account.release(entry.key);',
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
    find: 'this.#masterList.answered(from, heartbeatSentAtMs, masters);',
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
    file: 'actors/master/executor-scheduling.js',
    find: 'if (!app.answered || !app.linked)\n            continue;',
    replace: '',
    script: 'an application and its Worker are slow to answer',
  },
  {
    name: 'the result of an attempt that is not current counts',
    file: 'actors/tasks/dispatch-results.js',
    find: 'return task !== undefined && task.n === n ? task : undefined;',
    replace: 'return task;',
    script: 'results are not acknowledged, and the link breaks',
  },
  {
    name: 'a result that is sent again is delivered again',
    file: 'actors/tasks/dispatch-results.js',
    find: "state.take(executor, task);\n        if (task.state === 'sent')",
    replace: 'if (true)',
    faults: ['breakTasks', 'cutApplication'],
    seeds: 200,
  },
  {
    name: 'a launch that came to nothing is tried again at once',
    file: 'actors/master/launch-failures.js',
    find: 'record.notBeforeMs = nowMs + this.#waitMs(record.rounds);',
    replace: 'record.notBeforeMs = 0;',
    faults: ['badWorker'],
  },
  {
    name: 'an application ends after so many failures, though a good Worker is left',
    file: 'actors/master/failed-launches.js',
    find: 'if (!allExcluded(cluster, step.now, app.id, executorDemand(app)))',
    replace: 'if (false)',
    script: 'one Worker of two cannot see the folder',
  },
  {
    name: 'a driver that ends well because its Worker is stopped has finished',
    file: 'actors/worker/drivers.js',
    find: 'if (entry.killedBecause === ISOLATED || entry.killedBecause === SHUTDOWN)',
    replace: 'if (entry.killedBecause === ISOLATED)',
    faults: ['terminateWorker'],
  },
  {
    name: 'a Worker that is being stopped is given more work',
    file: 'actors/master/submission.js',
    find: 'if (worker && message.stopped)',
    replace: 'if (false)',
    faults: ['terminateWorker'],
  },
  {
    name: 'a driver that could not be started has ended',
    file: 'actors/master/submission.js',
    find: 'if (notStarted && !stopped) {',
    replace: 'if (notStarted && !stopped) { return false;',
    faults: ['badWorker'],
  },
  {
    name: 'whatever epoch a peer tells of is believed',
    file: 'actors/election/hearsay.js',
    find: 'if (position.epoch > Math.min(this.#known.epoch + limits.epochRise, LAST_EPOCH))',
    replace: 'if (false)',
    script: 'a node lies to every new leader',
  },
  {
    name: 'whatever generation or executor id a Worker tells of is believed',
    file: 'actors/master/lost-writes/belief.js',
    find: 'claimed - found <= limits.launchRise;',
    replace: 'true;',
    script: 'a Worker lies about numbers',
  },
  {
    name: 'each claim makes the leader ask the store',
    file: 'actors/election/tenure.js',
    find: 'if (nowMs - this.#touchedAtMs >= limits.claimLookMs)',
    replace: 'if (true)',
    script: 'a node lies',
  },
  {
    name: 'a leader steps down on every claim',
    file: 'actors/election/election-core.js',
    find: 'if (!isBelieved || !tenure.isYoung(nowMs) || !hearsay.isWorthSteppingDown(nowMs))',
    replace: 'if (!isBelieved)',
    script: 'a node lies',
  },
  {
    name: 'a new leader steps down again and again',
    file: 'actors/election/hearsay.js',
    find: 'return monotonicMs - this.#steppedDownAtMs >= limits.claimDoubtMs;',
    replace: 'return true;',
    script: 'a node lies to every new leader',
  },
  {
    name: 'a new leader never steps down on a claim',
    file: 'actors/election/hearsay.js',
    find: 'return monotonicMs - this.#steppedDownAtMs >= limits.claimDoubtMs;',
    replace: 'return false;',
    script: 'two owners of one epoch',
  },
  {
    name: 'a candidate waits for a record cache whenever a peer says so',
    file: 'actors/election/hearsay.js',
    find: 'return monotonicMs - this.#waitedAtMs >= limits.claimDoubtMs;',
    replace: 'return true;',
    script: 'a node lies',
  },
  {
    name: 'a Worker obeys who dials it',
    file: 'actors/worker/worker-core.js',
    find: 'if (!this.#masters.isLinked(input.from)) {',
    replace: 'if (false) {',
    script: 'a node lies',
  },
  {
    name: 'a Master obeys who dials it',
    file: 'actors/master/peer-master-protocol.js',
    find: 'if (!from.dialled || epoch > known + limits.epochRise) {',
    replace: 'if (epoch > known + limits.epochRise) {',
    script: 'a node lies',
  },
  {
    name: 'addresses of Masters are taken from who dials',
    file: 'actors/master/peer-master-protocol.js',
    find: 'if (peer.address && peer.dialled)',
    replace: 'if (peer.address)',
    script: 'a node lies',
  },
  {
    name: 'a task is given up one failure too early',
    file: 'actors/tasks/dispatch-results.js',
    find: 'if (task.failures > task.spec.retries)',
    replace: 'if (task.failures >= task.spec.retries)',
  },
  {
    name: 'addresses of custom resources are never free again',
    file: 'actors/worker/resource-account.js',
    find: 'this.#takenAddresses.get(name)?.delete(address);',
    replace: ';',
  },
  {
    name: 'a Worker dates its contact by receipt',
    file: 'actors/worker/worker-core.js',
    find: 'this.#contact.answered(message.sentAtMs, this.#now.bootMs)',
    replace: 'this.#contact.answered(this.#now.bootMs, this.#now.bootMs)',
    faults: ['slowAnswers'],
  },
  {
    name: 'the ceiling of executor ids is not durable',
    file: 'actors/master/launching.js',
    find: "step.put('app', app.id, app.record);",
    replace: ';',
    faults: ['killLeaderUnheard', 'cutApplicationFromMasters', 'childCrash'],
    seeds: 200,
  },
  {
    name: 'an executor forgets a result once it has sent it',
    file: 'actors/executor/session.js',
    find: '    #send(results, stream) {',
    replace:
      '    #send(results, stream) { queueMicrotask(() => { for (const { taskId, n } of results) ' +
      'if (this.#kept.get(taskId)?.n === n) this.#kept.delete(taskId); });',
  },
  {
    name: 'an attempt that is given again runs twice',
    file: 'actors/executor/session.js',
    find: 'if (this.#attempts.get(taskId)?.n === n || this.#kept.get(taskId)?.n === n)',
    replace: 'if (this.#kept.get(taskId)?.n === n)',
    test: 'executor-session-property',
  },
  {
    name: 'an acknowledgement drops a newer result',
    file: 'actors/executor/session.js',
    find: 'if (this.#kept.get(taskId)?.n === n)\n                        this.#kept.delete(taskId);',
    replace: 'this.#kept.delete(taskId);',
    test: 'executor-session-property',
  },
  {
    name: 'what an executor says that it holds lacks the results that it keeps',
    file: 'actors/executor/session.js',
    find: '[...this.#attempts.values(), ...this.#kept.values()]',
    replace: '[...this.#attempts.values()]',
    test: 'executor-session-property',
  },
  {
    name: 'the last chunk of a body is not sent',
    file: 'actors/messages/task-stream.js',
    find: 'next.offset >= next.body.byteLength',
    replace: 'next.offset + CHUNK_BYTES >= next.body.byteLength && next.offset > 0',
  },
  {
    name: 'a send queue that drains is not pumped',
    file: 'actors/messages/task-stream.js',
    find: 'this.#jobs.splice(0, ran);\n        this.#pump();',
    replace: 'this.#jobs.splice(0, ran);',
  },
  {
    name: 'a large result goes out before its chunks',
    file: 'actors/executor/session.js',
    find:
      'stream.sendBody(result, body, isWanted, () => {\n                writeResults([{ taskId, n, status, body: undefined }], ' +
      'stream.emit);\n            });',
    replace:
      'writeResults([{ taskId, n, status, body: undefined }], stream.emit); ' +
      'stream.sendBody(result, body, isWanted, () => {});',
  },
  {
    name: 'a large input is taken for wanted by nobody',
    file: 'actors/tasks/executor-channel.js',
    find: '!this.#silenced && isWanted(task)',
    replace: 'false',
  },
  {
    name: 'what has come of a body is not counted',
    file: 'actors/messages/task-stream.js',
    find: 'part.received += bytes.byteLength;',
    replace: '',
  },
  {
    name: 'the results that an executor keeps are not sent again on a new link',
    file: 'actors/executor/session.js',
    find: 'this.#send([...this.#kept.values()], stream);',
    replace: '',
  },
  {
    name: 'an executor from which tasks were taken back once never gives more back',
    file: 'actors/tasks/dispatch-results.js',
    find: '    executor.recalling = false;\n',
    replace: '',
    test: 'tasks-dispatch-property',
  },
  {
    name: 'a task that failed is tried again at once',
    file: 'actors/tasks/dispatch-results.js',
    find: 'if (backoff === undefined)',
    replace: 'if (true)',
    test: 'tasks-retry',
  },
  {
    name: 'the wait of a cancelled task goes on',
    file: 'actors/tasks/dispatch-state.js',
    find: "if (task.state === 'delayed')",
    replace: 'if (false)',
    test: 'tasks-retry',
  },
  {
    name: 'a NoRetry that is a cause is overlooked',
    file: 'actors/messages/no-retry.js',
    find: 'error = error.cause;',
    replace: 'return false;',
    test: 'tasks-retry',
  },
  {
    name: 'ends that a fallen store forgot are not sent again',
    file: 'actors/worker/outbox.js',
    find: 'if (!acknowledged || !found || isForgotten(acknowledged.position, found))',
    replace: 'if (!acknowledged)',
  },
  {
    name: 'custom resources are counted once for several executors',
    file: 'actors/master/placement.js',
    find: 'amountsFit(worker.resourcesFree, demand.resources, executors)',
    replace: 'amountsFit(worker.resourcesFree, demand.resources)',
  },
  {
    name: 'an end that the store forgot the launch of is none',
    file: 'actors/master/submission.js',
    find: 'forgottenEnd(cluster, step, driver, from.incarnation, message);',
    replace: ';',
  },
]
