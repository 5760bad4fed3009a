import { MasterClient } from '../../actors/client/master-client.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { restartWorker } from '../../runtime/launch/cli/restart-worker.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import type { SimWorld } from './sim-world.js'

/** Longer than any history. */
const RESTART_MS = 1e9

/**
 * One client process that submits drivers, asks for their status, kills some, and repeats its requests, with
 * the shipped client.
 */
export class SimSubmitter {
  readonly place: Place
  readonly #world: SimWorld
  readonly #random: Random
  readonly #client: MasterClient
  readonly #keys: string[] = []
  #next = 0
  #ends = false
  busy = 0

  constructor(world: SimWorld, place: Place) {
    this.place = place
    this.#world = world
    this.#random = world.random.fork()
    this.#client = new MasterClient({
      cluster: world.cluster,
      masters: world.masterAddresses,
      credential: { role: 'client', tls: undefined, key: world.key },
      incarnation: world.incarnation(place.name),
      masterTimeoutMs: 20_000,
      clock: place,
      timers: place,
      random: this.#random.fork().next,
      dialWith: world.network.dialFrom(place),
    })
    this.#later()
  }

  /** Submits nothing more, but still asks for what it knows of. */
  end(): void {
    this.#ends = true
  }

  /** What the cluster says of a driver now; rejects with what the client rejects with. */
  status(driverId: string) {
    return this.#client.request({ type: 'RequestDriverStatus', driverId })
  }

  /** What the leader holds of deployments, and of these keys. */
  deployment(keys: string[]) {
    return this.#client.request({ type: 'RequestDeployment', keys })
  }

  /** Rejects if the store keeps its format. */
  finishUpgrade(masters: number | undefined) {
    return this.#client.request({ type: 'RequestFinishUpgrade', ...(masters !== undefined && { masters }) })
  }

  /** Asks until the store is raised, and gives the format that it has then. */
  async finishUpgradeAtLast(masters: number): Promise<number> {
    for (;;) {
      try {
        return (await this.finishUpgrade(masters)).is
      } catch {
        // A Master has not said yet what it knows, or is not linked to the leader.
        await new Promise<void>((resolve) => this.place.after(500, resolve))
      }
    }
  }

  state() {
    return this.#client.request({ type: 'RequestMasterState' })
  }

  #later(): void {
    this.place.after(this.#random.exponential(this.#world.rates.submitEveryMs), () => {
      if (this.#ends) return
      this.#later()
      if (this.busy < 4) void this.#act()
    })
  }

  async #act(): Promise<void> {
    this.busy++
    const draw = this.#random.next()
    try {
      const old = this.#keys.length > 0 ? this.#random.pick(this.#keys) : undefined
      if (draw < 0.2 && old !== undefined) await this.#submit(old)
      else if (draw < 0.3 && old !== undefined) await this.kill(old)
      else await this.#submit(this.#newKey())
    } finally {
      this.busy--
    }
  }

  #newKey(): string {
    const key = `${this.place.name}-${this.#next++}`
    this.#keys.push(key)
    return key
  }

  /** Submits one driver of this kind, independent of chance. Returns its key. */
  submit(parts: Partial<DriverDescription>): string {
    const key = this.#newKey()
    void this.#submit(key, { ...this.#describe(key), ...parts })
    return key
  }

  again(key: string): Promise<void> {
    return this.#submit(key)
  }

  kill(key: string): Promise<void> {
    return this.#kill(this.#world.history.idOf(key))
  }

  /** Resolves once its restart is acknowledged. */
  async restart(key: string): Promise<void> {
    const driverId = this.#world.history.idOf(key)
    if (driverId === undefined) return
    await this.#client.request({ type: 'RequestRestartDriver', driverId, request: `${key}-restart` })
  }

  /** Asks a Worker to restart, and follows it until it is back, or cannot be. */
  async restartWorker(worker: string): Promise<void> {
    const { restarts } = this.#world.checks
    const asked = restarts.asked(worker)
    if (!asked) return
    this.place.onDeath(() => restarts.over(asked))
    const { random } = this.#world
    try {
      const options = { timeoutMs: RESTART_MS, interrupted: new AbortController().signal }
      const response = await restartWorker(this.#client, worker, options, {
        nowMs: this.place.monotonicMs,
        pause: (ms) => new Promise((resolve) => this.place.after(ms, resolve)),
        newRequest: () => random.hex(16),
      })
      restarts.ended(asked, response)
      restarts.over(asked)
    } catch (error) {
      this.#world.tell(this.place.name, `${worker} was not restarted: ${codeOf(error)}`)
      // Whoever was told that it is late may ask again. At the end nothing may be late.
      if (codeOf(error) !== 'FIRESTEEL_ASK_TIMEOUT') restarts.over(asked)
    }
  }

  /** Resolves when it is done, or cannot be. */
  async drain(worker: string, deadlineMs: number): Promise<void> {
    const { drains } = this.#world.checks
    const reason = drains.asking(worker, deadlineMs)
    try {
      await this.#client.request({ type: 'DecommissionWorkers', workers: [worker], deadlineMs, reason })
      drains.acknowledged(reason)
    } catch {
      // It may be done or not.
    }
  }

  /** Asks until it is done. */
  async undrain(worker: string): Promise<void> {
    const { drains } = this.#world.checks
    drains.undraining(worker)
    try {
      await this.#client.request({ type: 'RecommissionWorkers', workers: [worker] })
    } catch (error) {
      if (codeOf(error) !== 'FIRESTEEL_UNKNOWN_ID' && this.place.alive)
        this.place.after(500, () => void this.undrain(worker))
    } finally {
      drains.undrained(worker)
    }
  }

  async #submit(
    key: string,
    description = this.#world.history.descriptionOf(key) ?? this.#describe(key),
  ): Promise<void> {
    const { history } = this.#world
    history.submitted(key, description)
    try {
      const { driverId } = await this.#client.request({ type: 'RequestSubmitDriver', key, description })
      history.acknowledged(key, driverId)
    } catch (error) {
      history.failed(key, codeOf(error))
    }
  }

  async #kill(driverId: string | undefined): Promise<void> {
    if (driverId === undefined) return
    const { history } = this.#world
    history.killing(driverId)
    try {
      await this.#client.request({ type: 'RequestKillDriver', driverId })
      history.killAcknowledged(driverId)
    } catch (error) {
      history.killFailed(driverId, codeOf(error))
    }
  }

  #describe(key: string): DriverDescription {
    const random = this.#random
    const supervise = random.chance(0.3)
    const runsOn = supervise && random.chance(0.5)
    const exitCode = random.chance(0.15) ? 1 : 0
    return {
      ...driverDescription,
      name: key,
      main: '/bin/simulated',
      args: runsOn ? [] : [String(Math.round(random.exponential(3000))), String(exitCode)],
      cores: 1 + random.int(2),
      memoryMib: 64 * (1 + random.int(4)),
      resources: this.#world.shape.resources && random.chance(0.4) ? { gpu: 1 + random.int(2) } : {},
      supervise,
      onIsolation: random.chance(0.4) ? 'stop' : 'run',
    }
  }
}

export const codeOf = (error: unknown): string => (isFiresteelError(error) ? error.code : reasonOf(error))
