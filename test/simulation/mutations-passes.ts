import type { Mutation } from './mutations.js'

const test = 'master-waiting-drivers'

/* Mistakes in how much one pass or one step of a Master does. */

export const passMutations: readonly Mutation[] = [
  {
    name: 'comparisons of demands cost a pass nothing',
    file: 'actors/master/full-demands.js',
    find: 'return compared * innerLimits.comparisonLooks;',
    replace: 'return 0;',
    test,
  },
  {
    name: 'a demand stays where its first driver was, whoever is its oldest now',
    file: 'actors/master/demand-order.js',
    find: 'if (of.oldest === before)',
    replace: 'if (true)',
    test,
  },
  {
    name: 'of each demand one driver at most is launched in a pass',
    file: 'actors/master/driver-turns.js',
    find: 'if (next)',
    replace: 'if (false)',
    test,
  },
  {
    name: 'a driver that is younger than the oldest of its demand goes with it',
    file: 'actors/master/driver-turns.js',
    find: 'if (this.#isBeforeStart && driver.number > scan)',
    replace: 'if (true)',
    test,
  },
]
