import type { Mutation } from '../mutations.js'

const ring = 'actors/executor/shared-ring.js'
const side = 'actors/executor/thread-side.js'
const thread = 'actors/executor/task-thread.js'
const pool = 'actors/executor/threads.js'
const starts = 'actors/executor/thread-starts.js'

const planted: readonly Omit<Mutation, 'seeds' | 'explores'>[] = [
  {
    name: 'a large body is posted after its record',
    file: side,
    find: `if (large)
                    this.#postBody(task.position, body);
                yield;
                while (!this.#ring.write(task.position, status, large ? undefined : body)) {
                    this.#notice();
                    yield 'capacity';
                }
                yield;`,
    replace: `yield;
                while (!this.#ring.write(task.position, status, large ? undefined : body)) {
                    this.#notice();
                    yield 'capacity';
                }
                yield;
                if (large)
                    this.#postBody(task.position, body);`,
  },
  {
    name: 'a record without its body is dropped',
    file: thread,
    find: 'const whole = body ?? this.#bodyOf(position);',
    replace: 'const whole = body; if (whole === undefined) continue;',
  },
  {
    name: 'the body of a task that was told to end is left where it is',
    file: thread,
    find: 'const whole = body ?? this.#bodyOf(position);',
    replace:
      'const whole = body ?? (this.#posted.get(position)?.abort ? new Uint8Array() : this.#bodyOf(position));',
  },
  {
    name: 'a task that was taken back is begun',
    file: ring,
    find: 'const mine = Atomics.compareExchange(this.#slots, slot, posted, claimed) === posted;',
    replace: 'const mine = Atomics.exchange(this.#slots, slot, claimed) !== slotState.done;',
  },
  {
    name: 'a task that has begun is taken back',
    file: ring,
    find: 'return Atomics.compareExchange(this.#slots, position % this.#slotCount, posted, revoked) === posted;',
    replace:
      'if (this.state(position) !== posted) return false; Atomics.store(this.#slots, position % this.#slotCount, revoked); return true;',
  },
  {
    name: 'the reader says that it was not notified when it has read',
    file: ring,
    find: `Atomics.store(this.#words, NOTIFIED, 0);
        const write = Atomics.load(this.#words, WRITE);`,
    replace: `const write = Atomics.load(this.#words, WRITE);
        Atomics.store(this.#words, NOTIFIED, 0);`,
  },
  {
    name: 'a notice is told once and never again',
    file: ring,
    find: 'Atomics.store(this.#words, NOTIFIED, 0);',
    replace: ';',
  },
  {
    name: 'nobody is told of the last results',
    file: side,
    find: `this.#busy = false;
        this.#notice();`,
    replace: 'this.#busy = false;',
  },
  {
    name: 'nobody is told that the ring is full',
    file: side,
    find: "this.#notice();\n                    yield 'capacity';",
    replace: "yield 'capacity';",
  },
  {
    name: 'results wait for the promise of the next task',
    file: side,
    find: `*#settle(task, pending) {
        this.#noticeSoon();`,
    replace: '*#settle(task, pending) {',
  },
  {
    name: 'the rest at the end of the ring is skipped by the whole',
    file: ring,
    find: 'read = (read + this.#data.length - at) | 0;',
    replace: 'read = (read + this.#data.length) | 0;',
  },
  {
    name: 'a rest that is too small has no mark',
    file: ring,
    find: 'this.#data.writeUInt32LE(SKIP, at);',
    replace: ';',
  },
  {
    name: 'the rest that is skipped counts as room',
    file: ring,
    find: '+ skipped + capacity > this.#data.length',
    replace: '+ room > this.#data.length',
  },
  {
    name: 'what is not read yet is written over',
    file: ring,
    find: 'this.#readerAt = Atomics.load(this.#words, READ);\n        if (',
    replace: 'this.#readerAt = Atomics.load(this.#words, READ);\n        if (false && ',
  },
  {
    name: 'a record is announced before it is written',
    file: ring,
    find: 'this.#data.writeUInt32LE(length, start);',
    replace:
      'Atomics.store(this.#words, WRITE, (write + skipped + room) | 0); this.#data.writeUInt32LE(length, start);',
  },
  {
    name: 'a result is done before its record is there',
    file: ring,
    find: 'const start = skipped > 0 ? 0 : at;',
    replace:
      'const start = skipped > 0 ? 0 : at; Atomics.store(this.#slots, position % this.#slotCount, slotState.done);',
  },
  {
    name: 'what was taken back is never passed',
    file: ring,
    find: 'if (!mine)\n            this.#pass(position);',
    replace: ';',
  },
  {
    name: 'what has ended is never passed',
    file: ring,
    find: 'slotState.done);\n        this.#pass(position);',
    replace: 'slotState.done);',
  },
  {
    name: 'a slot is used again before its thread has passed it',
    file: ring,
    find: 'const taken = Math.max((next - Atomics.load(this.#words, PASSED)) | 0, next - oldest);',
    replace: 'const taken = next - oldest;',
  },
  {
    name: 'a slot is used again before its result is read',
    file: ring,
    find: 'const taken = Math.max((next - Atomics.load(this.#words, PASSED)) | 0, next - oldest);',
    replace: 'const taken = (next - Atomics.load(this.#words, PASSED)) | 0;',
  },
  {
    name: 'the time of a task is written when it is claimed',
    file: ring,
    find: `this.#claimedAt[0] = nowMs;
        const slot = position % this.#slotCount;
        const mine = Atomics.compareExchange(this.#slots, slot, posted, claimed) === posted;`,
    replace: `const slot = position % this.#slotCount;
        const mine = Atomics.compareExchange(this.#slots, slot, posted, claimed) === posted;
        this.#claimedAt[0] = nowMs;`,
  },
  {
    name: 'whatever runs is aborted',
    file: side,
    find: 'if (this.#running?.position === message.position)',
    replace: 'if (this.#running)',
  },
  {
    name: 'an abort while the module is loading is forgotten',
    file: side,
    find: `const running = new RunningTask(task.position, task.taskId, task.n, this.#executor);
                this.#running = running;
                yield;
                const call`,
    replace: `const running = new RunningTask(task.position, task.taskId, task.n, this.#executor);
                yield;
                const call`,
  },
  {
    name: 'a thread is busy for ever',
    file: side,
    find: 'this.#busy = false;\n        this.#notice();',
    replace: 'this.#notice();',
  },
  {
    name: 'a second batch is worked off beside the first',
    file: side,
    find: 'if (this.#busy)\n                    return;',
    replace: '',
  },
  {
    name: 'the results of a thread that ended are not read',
    file: thread,
    find: `this.#ending = true;
        this.drain();
        this.#giveBack();`,
    replace: `this.#ending = true;
        this.#giveBack();`,
  },
  {
    name: 'a thread is accounted for when it is told to end',
    file: thread,
    find: 'this.#thread.terminate();\n        this.#giveBack();',
    replace: 'this.#thread.terminate();\n        this.#exited(reason);',
  },
  {
    name: 'what a dead thread had not begun fails with it',
    file: thread,
    find: 'this.drain();\n        this.#giveBack();\n        const running',
    replace: 'this.drain();\n        const running',
  },
  {
    name: 'what a dead thread was in is begun again',
    file: thread,
    find: 'const running = [...this.#posted.values()];\n        this.#hasRun ||= running.length > 0;\n        this.#posted.clear();',
    replace:
      'this.#events.unbegun(this, [...this.#posted.values()]); const running = [];\n        this.#posted.clear();',
  },
  {
    name: 'a thread that is being ended gets more tasks',
    file: thread,
    find: 'if (this.#ending)\n            return 0;',
    replace: '',
  },
  {
    name: 'a task is told to be over its time, and again when it has ended',
    file: pool,
    find: "this.#abort(attempt, 'timeout');",
    replace: "this.#abort(attempt, 'timeout'); this.#options.onResult(attempt, 'timeout', NOTHING);",
  },
  {
    name: 'a cancelled task is given back though it runs',
    file: pool,
    find: "if (attempt.state === 'posted' && !this.#revokeOne(attempt)) {",
    replace: "if (attempt.state === 'posted' && !this.#revokeOne(attempt) && this.#closed) {",
  },
  {
    name: 'tasks of a dead thread are passed over',
    file: pool,
    find: "attempt.state = 'queued';\n            this.#queue.unshift(attempt);",
    replace: 'this.#queue.unshift(attempt);',
  },
  {
    name: 'nobody takes the place of a dead thread',
    file: pool,
    find: 'this.#threads.delete(thread);',
    replace: ';',
  },
  {
    name: 'a thread that was dead or passed over is not given work',
    file: pool,
    find: `// A thread that only skipped revoked tasks has capacity again and reports nothing.
            this.#distribute();`,
    replace: '',
  },
  {
    name: 'nobody takes work from a busy thread',
    file: pool,
    find: 'if (thread.load === 0)\n                this.#steal(thread);',
    replace: ';',
  },
  {
    name: 'a task is taken over and not taken away',
    file: thread,
    find: 'this.#posted.delete(position);\n            revoked.push(attempt);',
    replace: 'revoked.push(attempt);',
  },
  {
    name: 'a task beyond its grace is left alone',
    file: pool,
    find: 'if (nowMs >= attempt.abort.deadlineMs)',
    replace: 'if (nowMs < attempt.abort.deadlineMs - limits.taskAbortGraceMs)',
  },
  {
    name: 'a thread that cannot start is started again at once',
    file: starts,
    find: 'unproven === 0 && nowMs >= this.#notBeforeMs',
    replace: 'unproven === 0',
  },
  {
    name: 'threads that cannot start are started without end',
    file: starts,
    find: 'return this.failures >= limits.threadStartFailures;',
    replace: 'return false;',
  },
  {
    name: 'threads that were started together count one by one',
    file: starts,
    find: 'if (deathsBefore < this.#deaths)\n            return;',
    replace: '',
  },
  {
    name: 'an executor whose threads do not start keeps what it was given',
    file: pool,
    find: 'this.#options.onUseless(why, reason);\n        this.recall(Number.MAX_SAFE_INTEGER);',
    replace: 'this.#options.onUseless(why, reason);',
  },
  {
    name: 'an executor that is of no use takes more tasks',
    file: pool,
    find: 'if (this.#closed) {\n            this.#return(attempts);\n            return;\n        }',
    replace: '',
  },
  {
    name: 'an executor ends though one of its threads works',
    file: pool,
    find: 'if (this.#starts.areUnrecoverable && ![...this.#threads].some(({ hasBegun }) => hasBegun)) {',
    replace: 'if (this.#starts.areUnrecoverable) {',
  },
  {
    name: 'a paused pool goes on',
    file: pool,
    find: 'if (this.#paused || this.#closed)\n            return;',
    replace: 'if (this.#closed)\n            return;',
  },
]

/** One changed line of the thread boundary. Histories of threads find it, not histories of clusters. */
export const threadMutations: readonly Mutation[] = planted.map((mutation) => ({
  ...mutation,
  explores: 'threads',
  seeds: 20_000,
}))
