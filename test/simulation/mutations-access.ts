import type { Mutation } from './mutations.js'

/*
 * Mistakes in who may what. The shipped peers ask for nothing that they may not have, so unit tests find
 * them.
 */

const access = 'actors/master/access.js'
const test = 'master-access'

export const accessMutations: readonly Mutation[] = [
  {
    name: 'a driver may send what its route does not allow it',
    file: access,
    find: 'if (!mayDriver)',
    replace: 'if (false)',
    test,
  },
  {
    name: 'a driver asks about what is not its own',
    file: access,
    find: 'if (!owned || owns(from, owned))',
    replace: 'if (true)',
    test,
  },
  {
    name: 'the credential of an earlier generation is in force',
    file: access,
    find: 'return generation < accepted;',
    replace: 'return false;',
    test,
  },
  {
    name: 'the credential of a driver that nobody knows is in force',
    file: access,
    find: 'return cluster.endedDrivers.has(id) || (cluster.alive && !cluster.hasLost);',
    replace: 'return cluster.endedDrivers.has(id);',
    test,
  },
  {
    name: 'an application is taken over by another credential of the same name',
    file: 'actors/master/applications.js',
    find: 'from.incarnation === endpoint && isDeepStrictEqual(registrantOf(from), registrant);',
    replace: 'from.incarnation === endpoint;',
    test,
  },
  {
    name: 'the name of a client needs no proof',
    file: 'runtime/transport/handshake.js',
    find: 'if (isKeyed(hello.incarnation) && !provesIncarnation(hello.incarnation, claim, transcript))',
    replace: 'if (false)',
    test: 'transport-incarnation',
  },
  {
    name: 'the name of a client is proved by any key',
    file: 'runtime/transport/incarnation-key.js',
    find: 'if (!incarnation.endsWith(`-k${fingerprintOf(key)}`))',
    replace: 'if (false)',
    test: 'transport-incarnation',
  },
]
