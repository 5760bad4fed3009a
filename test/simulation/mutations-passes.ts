import type { Mutation } from './mutations.js'

const test = 'master-waiting-drivers'
const applications = 'master-many-applications'

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
    name: 'a demand stays where its first driver was, whoever has its turn next',
    file: 'actors/master/demand-order.js',
    find: 'if (of.place === before)',
    replace: 'if (true)',
    test,
  },
  {
    name: 'a demand stays at a driver that is held',
    file: 'actors/master/driver-turns.js',
    find: 'this.#same = this.#turnOf(of, driver.number);',
    replace: '',
    test,
  },
  {
    name: 'a driver that is younger than the oldest of its demand goes with it',
    file: 'actors/master/driver-turns.js',
    find: 'if (driver && this.#isBehindEnd(of))',
    replace: 'if (driver)',
    test,
  },
  {
    name: 'a demand goes back to each driver that wakes, and leaves out the younger one before which it was',
    file: 'actors/master/waiting-drivers.js',
    find: 'if (of.place === NO_DRIVER || number > this.scan || of.place <= this.scan)',
    replace: 'if (true)',
    test,
  },
  {
    name: 'one link may have applications without an end',
    file: 'actors/master/applications.js',
    find: 'apps.ofEndpoint(incarnation).size >= limits.applicationsPerLink',
    replace: 'false',
    test: applications,
  },
  {
    name: 'all links together may have applications without an end',
    file: 'actors/master/applications.js',
    find: 'apps.size >= limits.applications ?',
    replace: 'false ?',
    test: applications,
  },
  {
    name: 'one step ends all drivers whose ends were held',
    file: 'actors/master/driver-reports.js',
    find: 'step.gated.length >= cluster.config.slices.endingEffects',
    replace: 'false',
    test: 'master-held-ends',
  },
  {
    name: 'of one driver and Worker any number of ends is held',
    file: 'actors/master/driver-reports.js',
    find: 'if (isEarly && isForgotten && isOlderThanHeld(cluster, step, driver, end))',
    replace: 'if (false)',
    test: 'master-held-ends',
  },
  {
    name: 'one step ends all applications of a peer that is gone',
    file: 'actors/master/ending.js',
    find: 'step.gated.length < config.slices.endingEffects',
    replace: 'true',
    test: applications,
  },
  {
    name: 'what one step has left of the applications of a peer lives on',
    file: 'actors/master/ending.js',
    find: 'if (!mayEndMore(cluster, step))',
    replace: 'if (!mayEndMore(cluster, step) && cluster.gone.delete(endpoint))',
    test: applications,
  },
  {
    name: 'who has answered in time ends with the others of its link',
    file: 'actors/master/ending.js',
    find: 'if (app.linked)',
    replace: 'if (false)',
    test: applications,
  },
  {
    name: 'an application keeps the row that it once had',
    file: 'actors/master/snapshot.js',
    find: 'if (shown && !hasFailed && isSame(shown.seen, seen))',
    replace: 'if (shown)',
    test: applications,
  },
]
