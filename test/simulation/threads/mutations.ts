import type { Mutation } from '../mutations.js'

const ring = 'actors/executor/shared-ring.js'
const side = 'actors/executor/thread-side.js'
const thread = 'actors/executor/task-thread.js'
const pool = 'actors/executor/threads.js'
const starts = 'actors/executor/thread-starts.js'
const positions = 'actors/executor/position-list.js'

const planted: readonly Omit<Mutation, 'seeds' | 'explores'>[] = [
  {
    name: 'a large body is posted after its record',
    file: side,
    find: `if (large)
                    this.#postBody(position, body);
                yield;
                while (!this.#ring.write(position, status, large ? undefined : body)) {
                    this.#notice();
                    yield 'capacity';
                }
                yield;`,
    replace: `yield;
                while (!this.#ring.write(position, status, large ? undefined : body)) {
                    this.#notice();
                    yield 'capacity';
                }
                yield;
                if (large)
                    this.#postBody(position, body);`,
  },
  {
    // A body that comes as a message waits for a turn of the event loop, and a record is read in any.
    name: 'a record whose body is on its way is dropped',
    file: side,
    find: 'this.#dependencies.postBody({ position, body }, whole ? [body.buffer] : []);',
    replace: "this.#dependencies.post({ kind: 'large', position, body });",
    also: [
      { file: thread, find: '#isTraced = false;', replace: '#isTraced = false; #arrived = new Map();' },
      {
        file: thread,
        find: "case 'notice':",
        replace: "case 'large': this.#arrived.set(message.position, message.body); return; case 'notice':",
      },
      {
        file: thread,
        find: 'const whole = body ?? this.#bodyOf(position);',
        replace: 'const whole = body ?? this.#arrived.get(position); if (whole === undefined) continue;',
      },
    ],
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
    replace: 'const mine = Atomics.exchange(this.#slots, slot, claimed) !== slotState.free;',
  },
  {
    name: 'a task that has begun is taken back',
    file: ring,
    find: 'return Atomics.compareExchange(this.#slots, position % this.slotCount, posted, revoked) === posted;',
    replace:
      'if (this.state(position) !== posted) return false; Atomics.store(this.#slots, position % this.slotCount, revoked); return true;',
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
    find: `else
            this.#notice();`,
    replace: '',
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
    find: `if (this.#waiting.size > 0 && !this.#importFailed)
            this.#noticeSoon(nowMs);`,
    replace: 'if (this.#waiting.size > 0 && !this.#importFailed) ;',
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
    replace: '+ capacity > this.#data.length',
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
      'Atomics.store(this.#words, WRITE, (write + skipped + capacity) | 0); this.#data.writeUInt32LE(length, start);',
  },
  {
    name: 'a slot is free before the record of its task is there',
    file: ring,
    find: 'const start = skipped > 0 ? 0 : at;',
    replace:
      'const start = skipped > 0 ? 0 : at; Atomics.store(this.#slots, position % this.slotCount, slotState.free);',
  },
  {
    name: 'what was taken back is never passed',
    file: ring,
    find: 'if (!mine)\n            Atomics.store(this.#slots, slot, passed);',
    replace: ';',
  },
  {
    name: 'the slot of what has ended is never used again',
    file: positions,
    find: 'this.#ring.release(position);\n        this.#free.push(position + this.#ring.slotCount);',
    replace: 'this.#ring.release(position);',
  },
  {
    name: 'a slot is used again before its thread has passed it',
    file: positions,
    find: 'this.#revoked.push(position);',
    replace: 'this.#free.push(position + this.#ring.slotCount);',
  },
  {
    name: 'the next task of a slot has the name of the one before',
    file: positions,
    find: 'this.#ring.release(position);\n        this.#free.push(position + this.#ring.slotCount);',
    replace: 'this.#ring.release(position);\n        this.#free.push(position);',
  },
  {
    name: 'the time of a task is written when it is claimed',
    file: ring,
    find: `this.#claimedAt[slot] = nowMs;
        const mine = Atomics.compareExchange(this.#slots, slot, posted, claimed) === posted;`,
    replace: `const mine = Atomics.compareExchange(this.#slots, slot, posted, claimed) === posted;
        this.#claimedAt[slot] = nowMs;`,
  },
  {
    name: 'whatever runs is aborted',
    file: side,
    find: 'this.#waiting.get(message.position)?.abort(message.reason);',
    replace: 'for (const running of this.#waiting.values()) running.abort(message.reason);',
  },
  {
    name: 'an abort while the module is loading is forgotten',
    file: side,
    find: 'this.#waiting.set(position, claimed.running);',
    replace: 'this.#waiting.set(position, new RunningTask(position, 0, 0, this.#executor, this.#reports));',
  },
  {
    name: 'a thread is busy for ever',
    file: side,
    find: 'this.#isIdle = true;\n        // Results',
    replace: '// Results',
  },
  {
    name: 'the results of a thread that ended are not read',
    file: thread,
    find: `this.#closed = true;
        this.drain();
        this.#giveBack();`,
    replace: `this.#closed = true;
        this.#giveBack();`,
  },
  {
    name: 'a thread is accounted for when it is told to end',
    file: thread,
    find: 'this.#thread.terminate();\n        this.close();',
    replace: 'this.#thread.terminate();\n        this.#exited(reason);',
  },
  {
    name: 'what a dead thread had not begun fails with it',
    file: thread,
    find: 'this.drain();\n        this.#giveBack();\n        const hasLoading',
    replace: 'this.drain();\n        const hasLoading',
  },
  {
    name: 'what a dead thread was in is begun again',
    file: thread,
    find: 'const running = [...this.#posted.values()];\n        const told',
    replace:
      'this.#events.unbegun(this, [...this.#posted.values()]); const running = [];\n        const told',
  },
  {
    name: 'a thread that is being ended gets more tasks',
    file: thread,
    find: 'if (this.#closed || this.#silence.isQuiet)',
    replace: 'if (this.#silence.isQuiet)',
  },
  {
    name: 'a task is told to be over its time, and again when it has ended',
    file: pool,
    find: "this.#abortIn(thread, running, 'timeout');",
    replace:
      "this.#abortIn(thread, running, 'timeout'); this.#options.onResult(attempt, 'timeout', NOTHING);",
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
    name: 'nobody takes what waits behind a task that keeps its thread to itself',
    file: pool,
    find: 'if (!this.#paused && !this.#closed)\n                this.#relieve();',
    replace: ';',
  },
  {
    name: 'a task is taken over and not taken away',
    file: thread,
    find: 'this.#posted.delete(position);\n            this.#positions.revoked(position);\n            revoked.push(attempt);',
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
    name: 'the result of a task is given to another that waits beside it',
    file: side,
    find: 'const { position } = claimed.task;\n                const { status',
    replace:
      'const position = this.#waiting.keys().next().value ?? claimed.task.position;\n                const { status',
  },
  {
    name: 'a task sees the context of another that waits beside it',
    file: side,
    find: 'taskContexts.run(running, apply, call,',
    replace: 'taskContexts.run([...this.#waiting.values()][0] ?? running, apply, call,',
  },
  {
    name: 'a thread begins one task more than it may',
    file: side,
    find: 'this.#waiting.size >= this.#tasksAtOnce',
    replace: 'this.#waiting.size > this.#tasksAtOnce',
  },
  {
    name: 'a task that has waited for its promise is still waited for',
    file: side,
    find: 'this.#waiting.delete(claimed.task.position);\n        this.#goOn(claimed);',
    replace: 'this.#goOn(claimed);',
  },
  {
    name: 'the time of a task is that of another',
    file: ring,
    find: 'return this.#claimedAt[position % this.slotCount];',
    replace: 'return this.#claimedAt[0];',
  },
  {
    name: 'only the first of the tasks in a thread has a deadline',
    file: thread,
    find: 'yield { attempt, position, sinceMs: this.#ring.claimedAtMs(position) };',
    replace: 'yield { attempt, position, sinceMs: this.#ring.claimedAtMs(position) }; return;',
  },
  {
    name: 'the deadline of one task ends another',
    file: pool,
    find: "thread.tell({ kind: 'abort', position, reason });",
    replace: "thread.tell({ kind: 'abort', position: [...thread.running()][0].position, reason });",
  },
  {
    name: 'a task is charged for its neighbour, which ended their thread',
    file: pool,
    find: 'attempt === culprit || (!isExplained && running.length === 1)',
    replace: 'attempt === running[0]',
  },
  {
    name: 'all are charged where nobody knows what ended their thread',
    file: pool,
    find: 'attempt === culprit || (!isExplained && running.length === 1)',
    replace: 'attempt === culprit || !isExplained',
  },
  {
    name: 'nobody is charged for the end of a thread',
    file: pool,
    find: 'attempt === culprit || (!isExplained && running.length === 1)',
    replace: '!isExplained && running.length === 1',
  },
  {
    name: 'a neighbour is lost with its thread, and nobody is told',
    file: pool,
    find: "this.#end(attempt, 'lost', Buffer.from(reason));",
    replace: ';',
  },
  {
    name: 'a neighbour has no time to end before its thread does',
    file: pool,
    find: 'if (nowMs < retiring.untilMs) {',
    replace: 'if (false) {',
  },
  {
    name: 'a thread that will be ended takes a new task',
    file: pool,
    find: 'thread.close();\n        this.#lookAtRetiring(thread);',
    replace: 'this.#lookAtRetiring(thread);',
  },
  {
    name: 'a neighbour keeps a thread from its end',
    file: pool,
    find: 'if (nowMs < retiring.untilMs) {',
    replace: 'if (true) {',
  },
  {
    name: 'a thread whose import failed is ended though its other tasks are healthy',
    file: pool,
    find: 'this.#retire(thread, reason, Number.POSITIVE_INFINITY);',
    replace: 'this.#retire(thread, reason);',
  },
  {
    name: 'nobody takes the place of a thread that goes on with its last tasks',
    file: pool,
    find: 'this.#replaced.add(thread);',
    replace: ';',
  },
  {
    name: 'a thread runs as many tasks as it may beside those of the one before it',
    file: thread,
    find: 'const before = this.#runningBefore;',
    replace: 'const before = 0;',
  },
  {
    name: 'a thread that waits for the place of another keeps others from being started',
    file: pool,
    find: 'this.#load() + this.#queue.size + this.#heldBack);',
    replace: 'this.#load() + this.#queue.size);',
  },
  {
    name: 'a thread that waits for the place of another is to prove itself first',
    file: pool,
    find: 'else if (!thread.isHeldBack)',
    replace: 'else',
  },
  {
    name: 'any number of threads go on with their last tasks',
    file: pool,
    find: 'return threads - Math.max(0, this.#replaced.size - threads);',
    replace: 'return threads;',
  },
  {
    name: 'a task that ignores its signal stays in a thread that goes on with its last tasks',
    file: pool,
    find: '(known !== undefined && known.untilMs <= untilMs)',
    replace: 'known !== undefined',
  },
  {
    name: 'tasks beside others that fail with one error are lost with their thread',
    file: pool,
    find: 'this.#replace(thread, `its tasks',
    replace: 'this.#terminate(thread, `its tasks',
  },
  {
    name: 'a task is charged for its module, which ended the thread',
    file: thread,
    find: 'const hasLoading = this.#endLoading();',
    replace: 'const hasLoading = false;',
  },
  {
    name: 'a task is charged for the module of its neighbour, which ended their thread',
    file: thread,
    find: ' || hasLoading;',
    replace: ';',
  },
  {
    name: 'a task is refused for the module of its neighbour, which ended their thread',
    file: thread,
    find: 'if (error === undefined)\n                unbegun.push(attempt);',
    replace: 'if (false) ;',
  },
  {
    name: 'a thrown value is looked at though its traps throw',
    file: 'runtime/errors.js',
    find: 'return otherwise;',
    replace: "throw new Error('a trap');",
  },
  {
    name: 'a thread that an ended task keeps busy is waited for',
    file: pool,
    find: 'if (thread.isSilent(nowMs))',
    replace: 'if (false)',
  },
  {
    name: 'a thread answers as long as nothing that it was given can be taken back',
    file: thread,
    find: 'const isDue = this.hasBegun && reached !== this.#postedCount',
    replace: 'const isDue = this.hasBegun && this.hasUnbegun && this.#posted.size > 1',
  },
  {
    name: 'a thread in a long task counts as one that does not answer',
    file: thread,
    find: ' && this.running().next().done === true',
    replace: '',
    test: 'executor-silence',
  },
  {
    name: 'a thread that does not answer keeps others from being started',
    file: pool,
    find: '(thread.isHeldBack || thread.isQuiet)',
    replace: 'thread.isHeldBack',
    test: 'executor-silence',
  },
  {
    name: 'a main thread that stood still takes its threads for silent',
    file: 'actors/executor/thread-silence.js',
    find: 'Math.min(nowMs - this.#lookedAtMs, innerLimits.threadQuietMs)',
    replace: 'nowMs - this.#lookedAtMs',
    test: 'executor-silence',
  },
  {
    name: 'a program that throws one constant error loses thread after thread',
    file: 'actors/executor/repeated-errors.js',
    find: 'if (sinceMs < this.#waitMs)\n            return false;',
    replace: '',
    test: 'executor-repeated-errors',
  },
  {
    name: 'an error of equal text counts as the one before',
    file: 'actors/executor/thrown-errors.js',
    find: 'const isRepeated = chain.some((at) => (this.#known.get(at) ?? ended) <= began);',
    replace:
      'const isRepeated = this.#known.has(Object) && chain.length > 0; this.#known.set(Object, ended);',
    test: 'executor-repeated-errors',
  },
  {
    name: 'tasks that fail together of one promise count as a thread that remembers',
    file: 'actors/executor/thrown-errors.js',
    find: '(this.#known.get(at) ?? ended) <= began',
    replace: 'this.#known.has(at)',
    test: 'executor-repeated-errors',
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
