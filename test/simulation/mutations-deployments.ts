import type { Mutation } from './mutations.js'
import type { Fault } from './rates.js'

/* Mistakes in how deployment files are applied (protocol 15). */

const deployments = 'actors/master/deployments.js'
const faults: readonly Fault[] = ['apply', 'applyTwice', 'killApplier', 'cutApplier', 'killLeader']

export const deploymentMutations: readonly Mutation[] = [
  {
    name: 'a second apply begins though the first is linked',
    file: deployments,
    find: 'if (newest.holder !== undefined && cluster.peers.has(newest.holder))',
    replace: 'if (false)',
    faults,
  },
  {
    name: 'an apply that was overtaken may change something',
    file: deployments,
    find: "if (newest?.number === number && newest.state === 'APPLYING' && newest.holder === from.incarnation)",
    replace: 'if (newest)',
    faults,
  },
  {
    name: 'an apply that died is waited for as long as its leader leads',
    file: deployments,
    find: 'now.monotonicMs - leadership.electedAtMs < limits.applyHolderGraceMs;',
    replace: 'true;',
    faults,
  },
  {
    name: 'a deployment is begun and not written',
    file: deployments,
    find: "cluster.deployments.set(record.number, record);\n    step.put('deployment', record.id, record);",
    replace: 'cluster.deployments.set(record.number, record);',
    faults,
  },
  {
    name: 'an apply does what it saw before it might change something',
    file: 'runtime/launch/cli/apply/deploy.js',
    find: 'const held = await look();',
    replace: 'const held = shown;',
    script: 'an apply looks, and another one goes on and dies',
  },
  {
    name: 'an apply does not wait for what another one has begun',
    file: 'runtime/launch/cli/apply/apply-plan.js',
    find: ' && !driver.isBeingReplaced;',
    replace: ';',
    faults,
  },
  {
    name: 'a submission is done before its former content has ended',
    file: 'actors/master/deployed-drivers.js',
    find: 'stays.record.replacement === undefined && others.length === 0',
    replace: 'true',
    faults,
  },
  {
    name: 'new content is launched before the end of the former',
    file: 'actors/master/replacing.js',
    find: 'if (driver.queued && driver.notBeforeMs <= step.now.monotonicMs)',
    replace: 'if (true)',
    // The order to end the former does not arrive, and no later leader gives it again.
    faults: [...faults, 'cutLeaderFromWorkers', 'cutWorker', 'killLeaderUnheard'],
  },
  {
    name: 'a service that exits with 0 when it is killed counts as ended by itself',
    file: 'actors/master/ending.js',
    find: "state === 'KILLED' || killAsked !== undefined",
    replace: "state === 'KILLED'",
    test: 'master-replacing',
  },
  {
    name: 'the end of a deployment that a store forgot does not come back',
    file: deployments,
    find: 'if (held && !(held.startedAtMs === record.startedAtMs && isNewer(record, held)))',
    replace: 'if (held)',
    test: 'master-deployments',
  },
  {
    name: 'a deployment whose end a store forgot is being applied for ever',
    file: deployments,
    find: "if (record.state === 'APPLYING' && record !== except)",
    replace: "if (record.state === 'APPLYING' && record !== except && record === newestOf(cluster))",
    test: 'master-deployments',
  },
  {
    name: 'what a Worker alone remembers keeps the key of other content',
    file: 'actors/master/reports.js',
    find: 'if (digest === record.digest)',
    replace: 'if (true)',
    script: 'new content, and the store falls to before it',
  },
  {
    name: 'a record of other content gives its key back',
    file: 'actors/master/lost-writes/take-back-driver.js',
    find: '(one) => one?.digest === held.record.digest',
    replace: '(one) => one',
    test: 'master-lost-writes',
  },
]
