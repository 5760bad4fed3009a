import type { Message } from '../../../runtime/system/ref.js'
import { BadWorker } from '../bad-worker.js'
import { between, type Random } from '../draw.js'
import { Peer, type PeerPlace } from '../peer.js'
import type { SoakContext } from '../soak-context.js'
import { type Fault, seconds } from './fault.js'

/*
 * Peers that hold a key of the cluster and lie, flood or fail. They have no access to the store, so none of
 * them ends a leadership.
 */

const LINKS = 20
/** How many messages one flooding link sends in a turn. */
const BURST = 200
/** Just below the largest integer that JSON keeps exact. */
const ABSURD_EPOCH = Number.MAX_SAFE_INTEGER - 1
/**
 * A Worker that starts no executor is asked again with back-off, not as fast as its link can carry. The pause
 * begins at a second.
 */
const LAUNCHES_A_SECOND = 4

const heldMs = (random: Random): number => between(random, 2, 5) * 1000

const placeOf = ({ name, cluster, stolen }: SoakContext, address: string): PeerPlace => ({
  tls: stolen,
  cluster: name,
  secret: cluster.secret,
  listener: address.replace(/^firesteel:\/\//, ''),
})

/** Asks every kind of costly question over many links, and reads the answers. */
const flood: Fault = {
  name: 'peers-flood',
  async strike(context, random) {
    const leader = await context.leader()
    const place = placeOf(context, leader.address)
    const peers = await Promise.all(Array.from({ length: LINKS }, () => Peer.dial(place, 'client')))
    const questions: Message[] = [
      { type: 'RequestMasterState' },
      { type: 'RequestTrace' },
      { type: 'NoSuchMessage' },
    ]
    const timer = setInterval(() => {
      for (const peer of peers) {
        for (let i = 0; i < BURST; i++) {
          if (
            !peer.tell('/user/Master', '/user/ClientEndpoint', questions[i % questions.length]!, {
              ask: true,
            })
          )
            break
        }
      }
    }, 10)
    const holdMs = heldMs(random)
    return {
      what: `${LINKS} clients ask ${leader.name}, the leader, all they can for ${seconds(holdMs)}`,
      holdMs,
      executorsDie: false,
      mostElections: 0,
      fillsMemory: true,
      async heal() {
        clearInterval(timer)
        for (const peer of peers) peer.close()
      },
    }
  },
}

/** A node that claims an impossibly high epoch to every Master. */
const lies: Fault = {
  name: 'node-lies',
  async strike(context) {
    const places = context.masters.map(({ address }) => placeOf(context, address))
    const peers = await Promise.all(places.map((place) => Peer.dial(place, 'node')))
    for (const peer of peers) {
      const position = { epoch: ABSURD_EPOCH, seq: 1 }
      const said: (Message & Record<string, unknown>)[] = [
        { type: 'StaleEpoch', epoch: ABSURD_EPOCH, owner: 'nobody' },
        { type: 'PositionSeen', position, owner: 'nobody' },
      ]
      for (const message of said) peer.tell('/user/Master', '/user/Worker', message, { epoch: ABSURD_EPOCH })
    }
    return {
      what: 'a node tells all Masters of an epoch that was never reached',
      holdMs: 2000,
      executorsDie: false,
      // A leader that was elected within the last ten seconds may believe it once.
      mostElections: 1,
      async heal() {
        for (const peer of peers) peer.close()
      },
    }
  },
}

/** One of the true Workers dies at the same time, so that its executors need a new place. */
const badWorker: Fault = {
  name: 'bad-worker',
  async strike(context, random) {
    const bad = await BadWorker.start(context.masters.map(({ address }) => placeOf(context, address)))
    const [worker] = context.workers
    await context.end(worker!, 'SIGKILL')
    const holdMs = heldMs(random) + 3000
    return {
      what: `a Worker that starts nothing, and kill -9 of ${worker!.name}, for ${seconds(holdMs)}`,
      holdMs,
      executorsDie: true,
      async heal() {
        bad.close()
        const most = Math.ceil((holdMs / 1000) * LAUNCHES_A_SECOND)
        if (bad.launches > most)
          throw new Error(`the bad Worker was asked ${bad.launches} times, more than ${most}`)
      },
    }
  },
}

export const peerFaults: readonly Fault[] = [flood, lies, badWorker]
