import { parseActorAddress } from '../../runtime/addresses.js'
import type { Machine } from './machine.js'
import { Place } from './place.js'
import type { Random } from './random.js'
import type { WatchedWorld } from './watched-world.js'

/** An epoch that no cluster reaches. Where it shows up, a process believed a stranger (protocol S6). */
export const FORGED_EPOCH = 1_000_000

const junk: readonly object[] = [
  { type: 'PositionSeen', position: { epoch: FORGED_EPOCH, seq: 1 }, owner: 'nobody' },
  { type: 'StaleEpoch', epoch: FORGED_EPOCH, owner: 'nobody' },
  { type: 'MasterChanged', master: 'firesteel://10.0.6.6:7077', web: null, masters: [] },
  { type: 'LostTail', records: [['driver', 'driver-x', '{}']], last: true },
  { type: 'HandOver' },
  { type: 'RegisterWorker', id: 'w-x' },
  { type: 'LaunchDriver', workerId: 'w-x', driverId: 'driver-x', generation: 1 },
  { type: 'KillDriver', workerId: 'w-x', driverId: 'driver-x', generation: 1 },
  { type: 'RequestSubmitDriver', key: '', description: null },
  { type: 'RequestDriverStatus', driverId: 'x'.repeat(5000) },
  { type: 'NoSuchMessage' },
  { type: 7 },
  {},
]

/** A peer with a client's key. It sends messages that it may not send, in malformed envelopes. */
export class Stranger {
  readonly #world: WatchedWorld
  readonly #machine: Machine
  #number = 0

  constructor(world: WatchedWorld) {
    this.#world = world
    this.#machine = world.machine('10.0.6.6')
  }

  /** One visit to a Master or Worker. */
  visit(random: Random): boolean {
    const { masterAddresses, workers, network, cluster, key } = this.#world
    const address = random.pick([
      ...masterAddresses,
      ...workers.map(({ machine }) => `firesteel://${machine.host}:7078`),
    ])
    const place = new Place('stranger', this.#machine)
    const identity = { cluster, incarnation: `stranger-${++this.#number}` }
    const actor = address.endsWith(':7078') ? '/user/Worker' : '/user/Master'
    const dialling = network.dialFrom(place)({
      ...parseActorAddress(address),
      identity,
      role: 'client',
      tls: undefined,
      key,
    })
    void dialling.then(
      (link) => {
        for (let i = 0; i < 20; i++) {
          const message = random.pick(junk)
          const epoch = random.pick([0, 1, FORGED_EPOCH])
          const parts = random.chance(0.3)
            ? { ask: String(i), askMs: 100 }
            : random.chance(0.2)
              ? { answer: String(i) }
              : {}
          link.send({ from: '/user/Stranger', to: actor, message, id: i, trace: i, epoch, seq: 1, ...parts })
        }
        place.later(500, () => place.kill())
      },
      () => {},
    )
    return true
  }
}
