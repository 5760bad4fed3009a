import type { Mutation } from './mutations.js'

/* Mistakes in which workerTimeout a Worker lives by, and how long its leader waits for it (protocol 8.1). */

const atMaster = 'actors/master/worker-timeout.js'
const graceScript = 'a Worker dies whose guard keeps its work for longer than its Masters say'

export const timeoutMutations: readonly Mutation[] = [
  {
    name: 'a Worker lives by the timeout of its own settings, whatever it is told',
    file: 'actors/worker/times-in-force.js',
    find: 'return this.#take(toldMs ?? ',
    replace: 'return this.#take(',
    script: 'a Worker has a longer timeout of its own, and is cut off',
  },
  {
    name: 'a leader takes it that Workers live by its own timeout',
    file: atMaster,
    find: 'return Math.max(cluster.config.workerTimeoutMs, record.workerTimeoutMs ?? limits.workerTimeoutMs);',
    replace: 'return cluster.config.workerTimeoutMs;',
    script: 'a Worker is cut off, and its next leader has a shorter timeout',
  },
  {
    name: 'a Worker is told to live longer before the store has it',
    file: atMaster,
    find: 'workerTimeoutMs: isLonger ? saidMs : workerTimeoutMs',
    replace: 'workerTimeoutMs',
    test: 'master-worker-timeout',
  },
  {
    name: 'what a Worker said before it obeys this leader makes the wait shorter',
    file: atMaster,
    find: 'isShorter && !isNow ? knownMs : mostMs',
    replace: 'mostMs',
    test: 'master-worker-timeout',
  },
  {
    name: 'a leader that tells no timeout makes a Worker live longer',
    file: 'actors/worker/times-in-force.js',
    find: 'Math.min(workerTimeoutMs, this.#own.workerTimeoutMs)',
    replace: 'this.#own.workerTimeoutMs',
    test: 'worker-timeout',
  },
  {
    name: 'the next process of a Worker lives by its own timeout',
    file: 'actors/worker/worker-core.js',
    find: 'new TimesInForce(own, saved?.workerTimeoutMs)',
    replace: 'new TimesInForce(own)',
    test: 'worker-timeout',
  },
  {
    name: 'a leader takes it that guards keep what is left by its own orphanGrace',
    file: atMaster,
    find: 'Math.max(cluster.config.orphanGraceMs, believedMs)',
    replace: 'cluster.config.orphanGraceMs',
    script: graceScript,
  },
  {
    name: 'the next leader does not know how long a lost Worker outlives itself',
    file: 'actors/master/recovery.js',
    find: 'Math.max(leastMs, outlivesMs)',
    replace: 'leastMs',
    script: graceScript,
  },
  {
    name: 'a leader writes down how long it waits only if that is longer than its own settings say',
    file: 'actors/master/workers.js',
    find: 'waitMs > cluster.config.guardMarginMs',
    replace: 'waitMs > cluster.config.orphanGraceMs + cluster.config.guardMarginMs',
    test: 'master-orphan-grace',
  },
  {
    name: 'the second leader after a store forgot a Worker does not wait for its silence',
    file: 'actors/master/recovery.js',
    find: 'driver.record = { ...driver.record, outlivesMs: waitMs };',
    replace: '',
    test: 'master-orphan-grace',
  },
  {
    name: 'a driver that was taken back still rests',
    file: 'actors/master/reports.js',
    find: 'driver.notBeforeMs = 0;',
    replace: '',
    test: 'master-drivers',
  },
  {
    name: 'a Worker with a token is believed that its work outlives it for weeks',
    file: atMaster,
    find: 'join === undefined ? saidMs : Math.min(saidMs, timeoutOf(cluster, worker))',
    replace: 'saidMs',
    test: 'master-orphan-grace',
  },
]
