import type { MasterNode, WorkerNode } from './nodes.js'
import { People } from './people.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import { type Fault, faults } from './rates.js'
import type { World } from './world.js'

/** Causes random faults one after the other. Each of them heals by itself. */
export class Chaos {
  readonly done = new Map<Fault, number>()
  readonly #world: World
  /** Number of faults so far, those left out included. */
  count = 0
  readonly #schedule: Random
  readonly #skip: ReadonlySet<number>
  readonly #heals = new Set<() => void>()
  readonly #people: People
  /**
   * Random numbers of the present fault. What one fault draws does not change the others, so that some can be
   * left out.
   */
  #random: Random
  #isOver = false

  constructor(world: World, skip: ReadonlySet<number> = new Set()) {
    this.#world = world
    this.#skip = skip
    this.#people = new People(world, {
      later: (meanMs, run) => this.#heal(meanMs, run),
      cut: (these, those) => this.#cut(these, those),
      freeze: (place) => this.#freezePlace(place),
    })
    this.#schedule = world.random.fork()
    this.#random = this.#schedule
    this.#later()
  }

  /** Ends all faults, and causes no more. */
  end(): void {
    this.#isOver = true
    for (const heal of [...this.#heals]) heal()
  }

  #later(): void {
    const { timeline, rates } = this.#world
    timeline.after(this.#schedule.exponential(rates.faultEveryMs), () => {
      if (this.#isOver) return
      this.#later()
      const fault = this.#draw()
      this.#random = this.#schedule.fork()
      if (this.#skip.has(this.count++) || fault === undefined) return
      if (!this.#do(fault)) return
      this.done.set(fault, (this.done.get(fault) ?? 0) + 1)
      if (!gentle.has(fault)) this.#world.disturbed = true
    })
  }

  #draw(): Fault | undefined {
    const { weights } = this.#world.rates
    const sum = faults.reduce((total, fault) => total + weights[fault], 0)
    let at = this.#schedule.next() * sum
    for (const fault of faults) {
      at -= weights[fault]
      if (at < 0) return fault
    }
    return undefined
  }

  /** False: this fault has no target now. */
  #do(fault: Fault): boolean {
    const world = this.#world
    const { masters, workers, store, locks, network } = world
    const leader = masters.find((master) => master.leads)
    const someMaster = this.#pick(masters)
    const someWorker = this.#pick(workers)
    const say = (text: string): true => {
      world.tell('fault', `#${this.count - 1} ${fault} ${text}`)
      return true
    }
    switch (fault) {
      case 'killLeader':
        leader?.kill()
        return leader !== undefined && say(leader.name)
      case 'killLeaderUnheard':
        return leader !== undefined && this.#killUnheard(leader) && say(leader.name)
      case 'killMaster':
        someMaster.kill()
        return say(someMaster.name)
      case 'killWorker':
        someWorker.kill()
        return say(someWorker.name)
      case 'terminateLeader':
        if (leader?.process) void leader.process.stop()
        return leader !== undefined && say(leader.name)
      case 'freezeLeader':
        return leader !== undefined && this.#freeze(leader) && say(leader.name)
      case 'freezeMaster':
        return this.#freeze(someMaster) && say(someMaster.name)
      case 'freezeWorker':
        return this.#freeze(someWorker) && say(someWorker.name)
      case 'cutLeaderFromStore':
        return leader !== undefined && this.#cut([leader.name], [store.name]) && say(leader.name)
      case 'cutLeaderFromLocks':
        return (
          leader !== undefined &&
          this.#cut(
            [leader.name],
            locks.map(({ name }) => name),
          ) &&
          say(leader.name)
        )
      case 'cutLeaderFromWorkers':
        return leader !== undefined && this.#cut([leader.name], names(workers)) && say(leader.name)
      case 'cutLeaderFromMasters':
        return leader !== undefined && this.#cut([leader.name], names(masters)) && say(leader.name)
      case 'cutLeaderFromOne':
        return (
          leader !== undefined &&
          this.#cut([leader.name], [someWorker.name]) &&
          say(`${leader.name} ${someWorker.name}`)
        )
      case 'cutOneWay':
        return this.#cutOneWay() && say('')
      case 'cutWorker':
        return this.#cut([someWorker.name], names(masters)) && say(someWorker.name)
      case 'partition':
        return this.#partition() && say('')
      case 'hostLost':
        return this.#hostLost() && say('')
      case 'breakLinks': {
        const name = this.#random.chance(0.6)
          ? someMaster.name
          : this.#random.pick([...names(workers), ...names(world.applications), ...names(world.submitters)])
        network.breakConnections(name)
        return say(name)
      }
      case 'slowAnswers':
        return (
          leader !== undefined && this.#slowAnswers(leader, this.#stopper(someWorker)) && say(leader.name)
        )
      case 'slowNode': {
        const name = this.#random.pick([...names(masters), ...names(workers), store.name])
        network.slow(name, this.#random.between(5, 400))
        return this.#heal(2000, () => network.slow(name, 0)) && say(name)
      }
      case 'clockJump': {
        const node = this.#random.pick([...masters, ...workers, store])
        node.machine.jump((this.#random.chance(0.5) ? 1 : -1) * this.#random.between(1000, 7_200_000))
        return say(node.name)
      }
      default:
        return (
          (this.#befallStore(fault) || this.#befallWork(fault) || this.#people.do(fault, this.#random)) &&
          say('')
        )
    }
  }

  #befallStore(fault: Fault): boolean {
    const { store, locks } = this.#world
    switch (fault) {
      case 'storeDown':
        store.stop()
        return this.#heal(3000, () => store.start())
      case 'storeFrozen':
        store.freeze()
        return this.#heal(2000, () => store.thaw())
      case 'storeSlow':
        store.slowMs = this.#random.between(10, 500)
        return this.#heal(4000, () => {
          store.slowMs = 0
        })
      case 'storeFull':
        store.model.full = true
        return this.#heal(4000, () => {
          store.model.full = false
        })
      case 'storeLosesTail':
        return this.#fall(8)
      case 'storeOtherBranch':
        return this.#fall(64)
      case 'controlPlaneLost':
        return this.#controlPlaneLost()
      case 'lockDown': {
        const server = this.#random.pick(locks)
        server.stop()
        return this.#heal(3000, () => server.start())
      }
      case 'lockFrozen': {
        const server = this.#random.pick(locks)
        server.freeze()
        return this.#heal(3000, () => server.thaw())
      }
      default:
        return false
    }
  }

  #befallWork(fault: Fault): boolean {
    const { workers, applications, stranger } = this.#world
    const worker = this.#pick(workers)
    const leader = this.#world.masters.find((master) => master.leads)?.process
    switch (fault) {
      case 'terminateWorker':
        worker.process?.stop()
        return worker.process !== undefined
      case 'restartWorker':
        // Sometimes later than announced.
        worker.restart(
          this.#random.chance(0.2)
            ? this.#random.exponential(this.#world.masterConfig.workerTimeoutMs)
            : undefined,
        )
        return worker.process !== undefined
      case 'drainWorker':
        return this.#drain(worker)
      case 'drainToStop':
        worker.process?.drain(this.#random.pick([0, 1000, 10_000]))
        return worker.process !== undefined
      case 'badWorker': {
        const { bad, timeline } = this.#world
        bad.set(worker.name, { how: this.#random.pick(['start', 'exit']), sinceMs: timeline.nowMs })
        return this.#heal(BAD_WORKER_MS, () => bad.delete(worker.name))
      }
      case 'childCrash':
        worker.process?.children.crashOne()
        return true
      case 'garbage':
        return stranger?.visit(this.#random) ?? false
      case 'breakTasks':
        if (applications.length === 0) return false
        return this.#breakTasks(this.#random.pick(applications).name, worker.name)
      case 'cutApplication':
        if (applications.length === 0) return false
        return this.#cut([this.#random.pick(applications).name], [worker.name])
      case 'lies':
        return this.#world.liar.visit(this.#random)
      case 'cutApplicationFromMasters':
        if (applications.length === 0) return false
        return this.#cut([this.#random.pick(applications).name], names(this.#world.masters))
      case 'confusedLeader':
        if (!leader || !worker.process) return false
        leader.confuse(worker.process.incarnation, worker.offer.cores + 1, this.count)
        return true
      default:
        return false
    }
  }

  /** A person drains a Worker, and lets it take work again later. */
  #drain({ name }: WorkerNode): boolean {
    const client = this.#random.pick(this.#world.submitters).process
    if (!client) return false
    const deadlineMs = this.#random.pick([0, 500, 3000, 20_000])
    void client.drain(name, deadlineMs)
    return this.#heal(8000, () => void client.undrain(name))
  }

  get #lastsMs(): number {
    const { leaseMs, rates } = this.#world
    return leaseMs * rates.lastsLeases
  }

  /** The store's connections break, it returns to an earlier state, and it is back. */
  #fall(newest: number): boolean {
    const { store, checks } = this.#world
    store.stop()
    if (!store.fall(newest)) {
      store.start()
      return false
    }
    checks.storeFell()
    return this.#heal(500, () => store.start())
  }

  #freeze(node: MasterNode | WorkerNode): boolean {
    return node.place !== undefined && this.#freezePlace(node.place)
  }

  #freezePlace(place: Place): boolean {
    if (place.frozen || !place.alive) return false
    place.freeze()
    return this.#heal(this.#lastsMs, () => place.thaw())
  }

  #cut(these: readonly string[], those: readonly string[]): boolean {
    const { network } = this.#world
    const pairs = these.flatMap((one) =>
      those.filter((other) => other !== one).map((other) => [one, other] as const),
    )
    for (const [one, other] of pairs) {
      network.cut(one, other)
      network.cut(other, one)
    }
    return this.#heal(this.#lastsMs, () => {
      for (const [one, other] of pairs) {
        network.heal(one, other)
        network.heal(other, one)
      }
    })
  }

  #cutOneWay(): boolean {
    const { masters, workers, store, network } = this.#world
    const all = [...names(masters), ...names(workers), store.name]
    const from = this.#random.pick(all)
    const to = this.#random.pick(all)
    if (from === to) return false
    network.cut(from, to)
    return this.#heal(this.#lastsMs, () => network.heal(from, to))
  }

  /**
   * Messages of one side or both are held up, then lost with the link. So results come twice because their
   * acknowledgement never came, or results and starts were sent and never arrived.
   */
  #breakTasks(application: string, worker: string): boolean {
    const { network } = this.#world
    const [from, to] = this.#random.chance(0.5) ? [application, worker] : [worker, application]
    network.cut(from, to)
    const again = this.#random.int(4)
    return this.#heal(300, () => {
      network.heal(from, to)
      this.#breakAgain(application, again)
    })
  }

  /** The next link breaks as well, shortly after it was opened. */
  #breakAgain(application: string, again: number): void {
    this.#world.network.breakConnections(application)
    if (again > 0 && !this.#isOver) this.#heal(60, () => this.#breakAgain(application, again - 1))
  }

  /**
   * A Worker gets the answers of its leader late, by up to half of its timeout. In half of the cases the
   * leader meanwhile receives nothing from it, for longer than that.
   */
  #slowAnswers(leader: MasterNode, worker: WorkerNode): boolean {
    const { network, masterConfig, timeline } = this.#world
    const { workerTimeoutMs } = masterConfig
    network.slowWay(leader.name, worker.name, this.#random.between(0.2, 0.5) * workerTimeoutMs)
    const isCut = this.#random.chance(0.5)
    let isOver = false
    if (isCut) {
      timeline.after(this.#random.between(0, 0.5) * workerTimeoutMs, () => {
        if (isOver) return
        network.cut(worker.name, leader.name)
      })
    }
    return this.#heal((isCut ? 2 : 0.5) * workerTimeoutMs, () => {
      isOver = true
      network.slowWay(leader.name, worker.name, 0)
      network.heal(worker.name, leader.name)
    })
  }

  /**
   * A Worker with a driver that must stop on isolation, if there is one: such a fault affects little else.
   */
  #stopper(otherwise: WorkerNode): WorkerNode {
    const { running, workers } = this.#world
    for (const { plan, workerId } of running) {
      if (plan.kind !== 'startDriver' || plan.launch.description.onIsolation !== 'stop') continue
      return workers.find(({ process }) => process?.incarnation === workerId) ?? otherwise
    }
    return otherwise
  }

  /**
   * Some processes do not receive the last messages of the leader, and then it dies. In half of the cases
   * these are the applications: what they lost was launched anew, and they do not know it.
   */
  #killUnheard(leader: MasterNode): boolean {
    const { masters, workers, applications, submitters, network } = this.#world
    const others = [...names(masters), ...names(workers), ...names(applications), ...names(submitters)]
    const isApart = this.#random.chance(0.5)
    const deaf = isApart
      ? names(applications)
      : others.filter((name) => name !== leader.name && this.#random.chance(0.5))
    if (isApart) for (const { process } of workers) process?.children.crashOne()
    for (const name of deaf) network.cut(leader.name, name)
    return this.#heal(1000, () => {
      leader.kill()
      for (const name of deaf) network.heal(leader.name, name)
    })
  }

  /**
   * A power cut at the Masters: the store comes back with less, and only Workers and clients can report what
   * is missing.
   */
  #controlPlaneLost(): boolean {
    if (!this.#fall(16)) return false
    for (const master of this.#world.masters) master.kill()
    return true
  }

  /** In some histories mostly the first one, so that two faults that need each other happen to one node. */
  #pick<T>(nodes: readonly T[]): T {
    return this.#random.chance(this.#world.rates.focus) ? nodes[0]! : this.#random.pick(nodes)
  }

  /** Every process falls on one of two sides. */
  #partition(): boolean {
    const { masters, workers, submitters, store, locks } = this.#world
    const sides: [string[], string[]] = [[], []]
    for (const name of [
      ...names(masters),
      ...names(workers),
      ...names(submitters),
      store.name,
      ...names(locks),
    ])
      sides[this.#random.int(2)]!.push(name)
    return this.#cut(sides[0], sides[1])
  }

  /** The host loses power: it sends no FIN and no RST. */
  #hostLost(): boolean {
    const { masters, workers, network } = this.#world
    const node = this.#random.pick<MasterNode | WorkerNode>([...masters, ...workers])
    network.darken(node.name)
    node.kill()
    return this.#heal(this.#lastsMs, () => network.lighten(node.name))
  }

  #heal(meanMs: number, heal: () => void): true {
    const run = (): void => {
      if (!this.#heals.delete(run)) return
      heal()
    }
    this.#heals.add(run)
    this.#world.timeline.after(this.#random.exponential(meanMs), run)
    return true
  }
}

/** Long enough that the Worker is mostly excluded. */
const BAD_WORKER_MS = 15_000

/** None of these makes a healthy Worker look dead. */
const gentle: ReadonlySet<Fault> = new Set<Fault>([
  'finishUpgrade',
  'killLeader',
  'killMaster',
  'terminateLeader',
  'breakLinks',
  'clockJump',
  'storeDown',
  'storeFrozen',
  'storeFull',
  'lockDown',
  'lockFrozen',
  'garbage',
  'badWorker',
  'lies',
  'breakTasks',
  'cutApplication',
  'cutApplicationFromMasters',
  'confusedLeader',
  'apply',
  'applyTwice',
  'killApplier',
  'cutApplier',
])

const names = (nodes: readonly { readonly name: string }[]): string[] => nodes.map(({ name }) => name)
