import type { Mutation } from './mutations.js'

/* Mistakes in what a leader believes of peers that say they are Masters or Workers. */

const acceptable = 'actors/master/lost-writes/acceptable.js'
const intake = 'actors/master/lost-writes/intake.js'
const script = 'a node lies about how many Workers it hears'
const test = 'master-given-writes'

export const peerMutations: readonly Mutation[] = [
  {
    name: 'whatever a STANDBY sends as a proof that it reads the store is one',
    file: 'actors/master/store-proof.js',
    find: 'return got.length === expected.length && timingSafeEqual(got, expected);',
    replace: 'return true;',
    script,
  },
  {
    name: 'each link counts as a host on which a Worker is heard',
    file: 'actors/master/master-core.js',
    find: 'hostsHeard: new Set(workers.map(({ host }) => networkOf(host))).size,',
    replace: 'hostsHeard: workers.length,',
    script,
  },
  {
    name: 'no STANDBY can prove that it reads the store',
    file: 'actors/election/candidacy.js',
    find: "return this.#seen?.owner === owner ? this.#seen.lock : '';",
    replace: "return '';",
    script,
  },
  {
    name: 'a STANDBY is handed over to without a proof',
    file: 'actors/master/peer-master-protocol.js',
    find: '!better.isProven ||',
    replace: '',
    test: 'master-hand-over',
  },
  {
    name: 'a leader that was about to hand over gives up to nobody',
    file: 'actors/master/hand-over.js',
    find: 'if (!this.#why.isDemanded && !successors.chosen?.isProven)',
    replace: 'if (false)',
    test: 'master-hand-over',
  },
  {
    name: 'lost writes are taken though they were not asked for',
    file: intake,
    find: 'if (!cluster.askedLostWrites.has(from))',
    replace: 'if (false)',
    test,
  },
  {
    name: 'lost writes are taken whatever the records hold already',
    file: intake,
    find: 'if (!cluster.mayTakeBack(puts.reduce((bytes, { json }) => bytes + Buffer.byteLength(json), 0)))',
    replace: 'if (false)',
    test,
  },
  {
    name: 'lost writes are taken that no store has forgotten',
    file: acceptable,
    find: 'if (!at || !mayBeForgotten(at, leadership))',
    replace: 'if (false)',
    test,
  },
  {
    name: 'lost writes may be of any size',
    file: acceptable,
    find: 'return isTooLarge(lostWrite) ?',
    replace: 'return false ?',
    test,
  },
]
