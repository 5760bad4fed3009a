import type { Mutation } from './mutations.js'

/* Mistakes in what a Master keeps of what peers say. No shipped peer says so much. */

const test = 'master-budgets'

export const budgetMutations: readonly Mutation[] = [
  {
    name: 'a Worker may report without an end',
    file: 'actors/master/worker-room.js',
    find: 'if (this.#beyond >= limits.heldBeyondCores)',
    replace: 'if (false)',
    test,
  },
  {
    name: 'the rest of a report counts though its link was cut',
    file: 'actors/master/reports.js',
    find: 'worker.isOverfull = true;',
    replace: '',
    test,
  },
  {
    name: 'a DEAD Worker keeps all that it said',
    file: 'actors/master/worker-entry.js',
    find: 'this.record = remainsOf(this.record);',
    replace: '',
    test,
  },
  {
    name: 'any number of DEAD Workers is kept',
    file: 'actors/master/workers.js',
    find: 'if (dead.length <= innerLimits.deadWorkers)',
    replace: 'if (true)',
    test,
  },
  {
    name: 'a Worker may name codes without an end',
    file: 'actors/master/code-holders.js',
    find: 'if (held.size >= this.#most.codesHeld || this.#size >= this.#most.codesHeldInAll)',
    replace: 'if (false)',
    test,
  },
  {
    name: 'an application may list executors on Workers that nobody knows without an end',
    file: 'actors/master/application-executors.js',
    find: 'adopted && awaited < limits.awaitedExecutors',
    replace: 'adopted',
    test,
  },
  {
    name: 'a map that only has its entries set again keeps each former table of it',
    file: 'runtime/newest-entries.js',
    find: 'if (++this.#changes >= this.#most)',
    replace: 'if (false)',
    test,
  },
  {
    name: 'what was LOST is remembered for ever',
    file: 'runtime/newest-entries.js',
    find: 'if (this.#entries.size <= this.#most)',
    replace: 'if (true)',
    test,
  },
  {
    name: 'one sweep removes all silent Workers, however many',
    file: 'actors/master/workers.js',
    find: 'if (removed >= cluster.config.slices.removedPerSweep)',
    replace: 'if (false)',
    test: 'master-step-sizes',
  },
  {
    name: 'the Workers that a sweep has left wait for the next one',
    file: 'actors/master/master-core.js',
    find: 'isUnfinished ? 0 : this.#sweepEveryMs',
    replace: 'this.#sweepEveryMs',
    test: 'master-step-sizes',
  },
  {
    name: 'what is beyond the cores is counted again for each item of a report',
    file: 'actors/master/worker-room.js',
    find: 'this.#beyond ??= heldBeyondCores(this.#cluster);',
    replace: 'this.#beyond = heldBeyondCores(this.#cluster);',
    test: 'master-step-sizes',
  },
  {
    name: 'an address that one of two holdings gives back is free',
    file: 'actors/master/held-addresses.js',
    find: 'if (others > 0)',
    replace: 'if (false)',
    test: 'master-step-sizes',
  },
  {
    name: 'a Worker that comes back among the lost writes holds nothing of what applications have there',
    file: 'actors/master/lost-writes/take-back.js',
    find: 'takeAwaited(cluster, step, cluster.workers.get(record.id));',
    replace: '',
    test: 'master-lost-writes',
  },
  {
    name: 'one step tells the Workers of all executors of an ended application',
    file: 'actors/master/ending.js',
    find: 'if (step.gated.length >= killsPerStep)',
    replace: 'if (false)',
    test: 'master-step-sizes',
  },
  {
    name: 'the Workers that one step has not told are told by their reports alone',
    file: 'actors/master/scheduling.js',
    find: 'killLeaving(cluster, step);',
    replace: '',
    test: 'master-step-sizes',
  },
  {
    name: 'fields that no schema names are let in',
    file: 'actors/messages/catalogue.js',
    find: 'return { message: parsed.data };',
    replace: 'return { message };',
    test: 'master-extra-fields',
  },
  {
    name: 'a drain that is said again forgets what this release does not know',
    file: 'actors/master/drains.js',
    find: '...former,',
    replace:
      "...Object.fromEntries(Object.entries(former).filter(([key]) => ['askedAtMs', 'reason', 'by'].includes(key))),",
    test: 'skew-rewritten',
  },
]
