import type { Mutation } from './mutations.js'

/*
 * Mistakes in who may what. The shipped peers ask for nothing that they may not have, so unit tests find
 * them.
 */

const access = 'actors/master/access.js'
const workerPeer = 'actors/master/worker-peer.js'
const test = 'master-access'

export const accessMutations: readonly Mutation[] = [
  {
    name: 'a driver may send what its route does not allow it',
    file: access,
    find: "if (from.role === 'driver' && driver !== 'may')",
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
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the line of the code is a template.
    find: 'if (!incarnation.endsWith(`-k${fingerprintOf(key)}`))',
    replace: 'if (false)',
    test: 'transport-incarnation',
  },
  {
    name: 'the role of a token is not looked at',
    file: access,
    find: "if (from.role !== 'driver' && !mayAs(role, least))",
    replace: 'if (false)',
    test: 'master-tokens',
  },
  {
    name: 'a submitter has the work of others',
    file: access,
    find: 'return !seesOwnOnly(peer) || ownerIn(owned)?.id === tokenOf(peer);',
    replace: 'return true;',
    test: 'master-tokens',
  },
  {
    name: 'a revoked token is in force',
    file: access,
    find: 'return token ? token.revokedAtMs !== undefined : cluster.awaitedLostWrites.size === 0;',
    replace: 'return token ? false : cluster.awaitedLostWrites.size === 0;',
    test: 'master-tokens',
  },
  {
    name: 'a grant is good for any client',
    file: 'runtime/transport/grant.js',
    find: '.update(JSON.stringify([subject, id, untilMs]))',
    replace: '.update(JSON.stringify([id, untilMs]))',
    test: 'transport-token',
  },
  {
    name: 'a node goes on with a token that has ended',
    file: 'runtime/transport/told-tokens.js',
    find: 'return id !== undefined && (hasEnded(id, this.#wallMs()) || this.#ids?.has(id) === false);',
    replace: 'return id !== undefined && this.#ids?.has(id) === false;',
    test: 'transport-token',
  },
  {
    name: 'the token of a Worker is good for a Worker of any name',
    file: workerPeer,
    find: 'if (name !== undefined && nameInIncarnation(incarnation) !== name)',
    replace: 'if (false)',
    test: 'master-join',
  },
  {
    name: 'whoever takes the incarnation of a Worker speaks for it',
    file: workerPeer,
    find: 'return known && known.record.join !== joinOf(from)',
    replace: 'return false',
    test: 'master-join',
  },
  {
    name: 'two Workers join with one token',
    file: workerPeer,
    find: "state !== 'DEAD' && record.join === join && theirs !== address",
    replace: 'false',
    test: 'master-join',
  },
  {
    name: 'a Worker with a token takes the address of another',
    file: 'actors/master/workers.js',
    find: 'if (join !== undefined && holder.record.join !== join)',
    replace: 'if (false)',
    test: 'master-join',
  },
  {
    name: 'a token that the store forgot is the token of any Worker',
    file: 'actors/master/workers.js',
    find: 'if (join !== undefined && allowed === undefined && !cluster.workers.has(id))',
    replace: 'if (false)',
    test: 'master-join',
  },
  {
    name: 'a Worker with a token sends what clients send',
    file: 'actors/master/routes.js',
    find: "if (role === 'worker')",
    replace: 'if (false)',
    test: 'master-join',
  },
  {
    name: 'the token of a Worker opens every link to a Worker',
    file: 'runtime/transport/acceptor-keys.js',
    find: 'const isAdmitted = id !== undefined && (isMaster || isCodeSubject(subject));',
    replace: 'const isAdmitted = id !== undefined;',
    test: 'worker-keys',
  },
  {
    name: 'keys that were sealed for one launch are good for another',
    file: 'actors/messages/work-credentials.js',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the line of the code is a template.
    find: 'return `LaunchDriver ${message.driverId}/${message.generation}`;',
    replace: "return 'LaunchDriver';",
    test: 'worker-keys',
  },
  {
    name: 'a grant is signed for Workers with a token as for all',
    file: 'actors/master/token-secrets.js',
    find: 'return join === undefined ? place : { ...place, mac: macFor(join) };',
    replace: 'return place;',
    test: 'worker-keys',
  },
  {
    name: 'a lost store begins with a format that Masters of the release before cannot read',
    file: 'runtime/persistence/store-format.js',
    find: '(isLost ? known.min : known.max)',
    replace: 'known.max',
    test: 'master-upgrade',
  },
]
