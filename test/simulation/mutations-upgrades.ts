import type { Mutation } from './mutations.js'
import type { Fault } from './rates.js'

/* Mistakes about the format of a store and its raise, and about what a STANDBY reads ahead. */

const upgrade = 'actors/master/upgrade.js'
const knownRecords = 'runtime/persistence/redis/known-records.js'
const releases: readonly Fault[] = [
  ...(['upgradeMaster', 'downgradeMaster', 'finishUpgrade', 'partition'] as const),
  ...(['killLeader', 'terminateLeader', 'storeSlow', 'lockFrozen'] as const),
]
const handOvers: readonly Fault[] = ['terminateLeader', 'killLeader', 'storeSlow', 'childCrash']

export const upgradeMutations: readonly Mutation[] = [
  {
    name: 'the format of the store is raised beside a Master that does not know it',
    file: upgrade,
    find: 'if (behind.length > 0)',
    replace: 'if (false)',
    faults: releases,
  },
  {
    name: 'the format of the store is raised while a Master is missing',
    file: upgrade,
    find: 'if (masters.length < atLeast)',
    replace: 'if (false)',
    faults: releases,
  },
  {
    name: 'a raise of the format that nothing was written with is only a touch',
    file: 'runtime/persistence/commit-queue.js',
    find: 'if (group.empty && format === undefined)',
    replace: 'if (group.empty)',
    faults: releases,
  },
  {
    name: 'a raise of the format is forgotten where a later step is in the same commit',
    file: 'runtime/persistence/commit-queue.js',
    find: 'format = step.format ?? format;',
    replace: 'format = step.format;',
    faults: releases,
  },
  {
    name: 'a leader raises the format in its own memory only',
    file: upgrade,
    find: 'step.format = raise.to;',
    replace: '',
    faults: releases,
  },
  {
    name: 'a leader begins with the newest format that it knows',
    file: 'actors/election/candidacy.js',
    find: 'earlier: this.#earlier, format: this.#format, lock, sentAtMs',
    replace: 'earlier: this.#earlier, format: this.#config.formats.max, lock, sentAtMs',
    faults: releases,
  },
  {
    name: 'a Master stands though it does not know the format of the store',
    file: 'actors/election/election-agent.js',
    find: "if (format !== undefined)\n        requireFormat(format, formats, 'The store', 'the leader record');",
    replace: '',
    script: 'the older release comes back to a store that is raised',
  },
  {
    name: 'a candidate that has seen the former format is elected',
    file: 'test/simulation/store-model.js',
    find: 'if ((at.format ?? format) !== format)',
    replace: 'if (false)',
    script: 'a Master of the older release looks, and the store is raised before it asks',
  },
  {
    name: 'a leader forgets that it has raised the format',
    file: 'actors/election/election-core.js',
    find: 'this.#config.hearsay.format = message.format;',
    replace: '',
    script: 'a store that was raised is lost',
  },
  {
    name: 'a lost store gets the format of a new one',
    file: 'runtime/persistence/store-format.js',
    find: 'before ?? (isLost ? known.min : known.max)',
    replace: 'isLost ? known.min : known.max',
    script: 'a store that was raised is lost',
  },
  {
    name: 'what was read ahead counts, whatever its seal is now',
    file: knownRecords,
    find: "return known?.seal === seal.toString('latin1') ? known : undefined;",
    replace: 'return known;',
    faults: handOvers,
  },
  {
    name: 'a group that was read ahead is taken for what it is now',
    file: knownRecords,
    find: 'if (group?.sum !== sum)',
    replace: 'if (group === undefined)',
    faults: handOvers,
  },
  {
    name: 'sums say which records there are, and not what they hold',
    file: knownRecords,
    find: "createHash('sha1').update(field).update(seal)",
    replace: "createHash('sha1').update(field)",
    also: [
      {
        file: 'test/simulation/store-scripts.js',
        find: "createHash('sha1').update(field).update(endOf(content))",
        replace: "createHash('sha1').update(field)",
      },
    ],
    faults: handOvers,
  },
  {
    name: 'of a group that has changed only what is known is taken',
    file: 'runtime/persistence/redis/record-pages.js',
    find: 'others.push(seal.field);',
    replace: '{ }',
    faults: handOvers,
  },
]
