import { reasonOf } from '../../runtime/errors.js'
import type { Child } from '../../runtime/process/child.js'
import { ip, ipLines } from './ip-command.js'
import {
  cableName,
  type NetworkParts,
  remaining,
  removeLeftovers,
  removerOf,
  spaceName,
} from './network-spaces.js'

/** 10.77.N.0/24, where N is unused here: hosts from 1 on, and this process at the end. */
const NETWORK = '10.77'
const OWN = 254
/** The address of no device: a packet to it arrives nowhere, and its sender is told nothing. */
const NOBODY = '02:00:00:00:00:00'

interface Host {
  readonly name: string
  readonly address: string
  /** Its network namespace. */
  readonly space: string
  /** The end of its cable at the bridge. */
  readonly cable: string
}

let networks = 0

/**
 * Hosts on one Ethernet, each a network namespace with an address of its own. This process is one more, and
 * is never cut off. Only root on Linux with iproute2 can start one. It ends with this process, however that
 * ends.
 */
export class HostNetwork implements AsyncDisposable {
  readonly #parts: NetworkParts
  readonly #hosts: ReadonlyMap<string, Host>
  readonly #remover: Child
  /** Addresses that a host cannot reach. */
  readonly #cuts = new Map<Host, Set<string>>()
  readonly #unplugged = new Set<Host>()

  private constructor(parts: NetworkParts, hosts: readonly Host[], remover: Child) {
    this.#parts = parts
    this.#hosts = new Map(hosts.map((host) => [host.name, host]))
    this.#remover = remover
  }

  /** Why this machine allows none, in its own words; false if it does. */
  static async refused(): Promise<string | false> {
    if (process.platform !== 'linux') return 'needs the network namespaces of Linux'
    const network = networks++
    const [space, bridge] = [spaceName(network, 'trial'), cableName(network, 0)]
    // Only what the machine may refuse is tried here: if our own code is wrong, tests fail and are not
    // skipped.
    try {
      await ip(['netns', 'add', space])
      try {
        const cable = `link add ${cableName(network, 1)} type veth peer name eth0 netns ${space}`
        await ipLines([cable, `link add ${bridge} type bridge`, `link del ${bridge}`])
      } finally {
        await ip(['netns', 'del', space])
      }
      return false
    } catch (error) {
      return `needs network namespaces: ${reasonOf(error)}`
    }
  }

  static async start(names: readonly string[]): Promise<HostNetwork> {
    await removeLeftovers()
    const network = networks++
    const subnet = await freeSubnet()
    const hosts = names.map((name, index) => ({
      name,
      address: `${subnet}.${index + 1}`,
      space: spaceName(network, name),
      cable: cableName(network, index + 1),
    }))
    const bridge = cableName(network, 0)
    const parts = {
      spaces: hosts.map(({ space }) => space),
      cables: [bridge, ...hosts.map(({ cable }) => cable)],
    }
    // The remover exists before anything else, so that the rest of a failed start is removed as well.
    const started = new HostNetwork(parts, hosts, await removerOf(parts))
    try {
      await build(hosts, bridge, subnet)
      return started
    } catch (error) {
      await started[Symbol.asyncDispose]().catch(() => undefined)
      throw error
    }
  }

  address(name: string): string {
    return this.#host(name).address
  }

  /** Command and arguments that start a command on this host; the process is that of the command. */
  prefix(name: string): string[] {
    return ['ip', 'netns', 'exec', this.#host(name).space]
  }

  /** What one host sends to the other is lost. The other direction still works. */
  async cut(from: string, to: string): Promise<void> {
    const [sender, receiver] = [this.#host(from), this.#host(to)]
    const neighbour = `neigh replace ${receiver.address} lladdr ${NOBODY} dev eth0 nud permanent`
    await ipLines([neighbour], sender.space)
    const cuts = this.#cuts.get(sender) ?? new Set()
    this.#cuts.set(sender, cuts.add(receiver.address))
  }

  /** Cuts both ways between each of these and each of those. */
  async part(these: readonly string[], those: readonly string[]): Promise<void> {
    for (const one of these) {
      for (const other of those) await Promise.all([this.cut(one, other), this.cut(other, one)])
    }
  }

  /** Pulls the cable of a host. No connection ends by it. */
  async unplug(name: string): Promise<void> {
    const host = this.#host(name)
    await ip(['link', 'set', host.cable, 'down'])
    this.#unplugged.add(host)
  }

  /** Restores the initial state. */
  async heal(): Promise<void> {
    for (const { cable } of this.#unplugged) await ip(['link', 'set', cable, 'up'])
    this.#unplugged.clear()
    for (const [{ space }, addresses] of this.#cuts) {
      await ipLines(
        [...addresses].map((address) => `neigh del ${address} dev eth0`),
        space,
      )
    }
    this.#cuts.clear()
  }

  /** Rejects if something is left. Processes that still run on a host are on no network then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#remover.stdin?.end()
    await this.#remover.exited
    const left = await remaining(this.#parts)
    if (left.length > 0) throw new Error(`the network left behind: ${left.join(', ')}`)
  }

  #host(name: string): Host {
    const host = this.#hosts.get(name)
    if (host) return host
    throw new Error(`there is no host ${name}; there are ${[...this.#hosts.keys()].join(', ')}`)
  }
}

async function build(hosts: readonly Host[], bridge: string, subnet: string): Promise<void> {
  await ipLines([
    `link add ${bridge} type bridge`,
    `addr add ${subnet}.${OWN}/24 dev ${bridge}`,
    `link set ${bridge} up`,
  ])
  for (const { address, space, cable } of hosts) {
    await ip(['netns', 'add', space])
    await ipLines([
      `link add ${cable} type veth peer name eth0 netns ${space}`,
      `link set ${cable} master ${bridge} up`,
    ])
    await ipLines(['link set lo up', `addr add ${address}/24 dev eth0`, 'link set eth0 up'], space)
  }
}

/** A subnet in which this machine has no address. */
async function freeSubnet(): Promise<string> {
  const addresses = await ip(['-o', '-4', 'addr', 'show'])
  for (let i = 0; i < 256; i++) {
    const subnet = `${NETWORK}.${(process.pid + i) % 256}`
    if (!addresses.includes(` ${subnet}.`)) return subnet
  }
  throw new Error(`no network of ${NETWORK}.0.0/16 is free`)
}
