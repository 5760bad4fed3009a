import assert from 'node:assert/strict'
import fc from 'fast-check'
import { RedlockLock } from '../../actors/election/redlock-lock.js'
import type { RedisConnection } from '../../runtime/redis/connection.js'
import { connectionLockServer } from '../../runtime/redis/lock-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { LockServerModel } from './lock-server-model.js'
import type { Reached } from './store-reached.js'

/**
 * Which value a candidate names: that of its newest success, of the one before, of the next candidate, or an
 * unknown one.
 */
type Which = 'own' | 'old' | 'neighbour' | 'nobody'

export type LockCommand =
  | { readonly do: 'acquire' | 'remaining'; readonly by: number }
  | { readonly do: 'extend' | 'release'; readonly by: number; readonly which: Which }
  /** One server restarts without data; the key expires there; another process has it there only. */
  | { readonly do: 'forget' | 'expire' | 'seize'; readonly server: number }

const by = fc.nat({ max: 2 })
const server = fc.nat({ max: 2 })
const which = fc.oneof(
  { weight: 4, arbitrary: fc.constant('own' as const) },
  { weight: 2, arbitrary: fc.constantFrom('old' as const, 'neighbour' as const, 'nobody' as const) },
)

export const lockCommand: fc.Arbitrary<LockCommand> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('acquire' as const), by }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('remaining' as const), by }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('extend' as const, 'release' as const), by, which }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('forget' as const, 'expire' as const, 'seize' as const),
      server,
    }),
  },
)

/**
 * No lease of the test expires meanwhile. Each candidate has another one, so that a time shows who set it.
 */
const leaseMs = (by: number): number => 600_000 * (by + 1)
/** Time that the test may take between a write and its check. */
const slackMs = 60_000
/** All servers answer: nothing is given up, and a median is of all. */
const noTimers = { after: () => () => undefined }

/** RedlockLocks of three candidates on real servers, and the same by majority on models of them. */
export class LockPair {
  readonly #connections: readonly (readonly RedisConnection[])[]
  readonly #key: string
  readonly #locks: readonly RedlockLock[]
  readonly #values: { own: string; old: string }[]
  readonly #models: readonly LockServerModel[]
  /** Each server's own. A key expires by a jump of it. */
  readonly #nowMs: number[]
  readonly #reached: Reached

  /** `connections[candidate][server]`. The servers know redlock's scripts. */
  constructor(connections: readonly (readonly RedisConnection[])[], key: string, reached: Reached) {
    this.#connections = connections
    this.#key = key
    this.#reached = reached
    this.#locks = connections.map(
      (own, by) =>
        new RedlockLock({
          servers: own.map((connection) => connectionLockServer(connection)),
          key,
          leaseMs: leaseMs(by),
          timers: noTimers,
        }),
    )
    this.#values = connections.map((_, by) => ({ own: `none of ${by}`, old: `none of ${by}` }))
    this.#models = connections[0]!.map(() => new LockServerModel())
    this.#nowMs = connections[0]!.map(() => 0)
  }

  async run(commands: readonly LockCommand[]): Promise<void> {
    for (const command of commands) {
      this.#reached.commands += 1
      await this.#step(command)
      await this.#sameServers('by' in command ? command.by : 0)
    }
  }

  async #step(command: LockCommand): Promise<void> {
    switch (command.do) {
      case 'acquire':
        return this.#acquire(command.by)
      case 'extend':
        return this.#extend(command.by, this.#value(command.by, command.which))
      case 'release':
        return this.#release(command.by, this.#value(command.by, command.which))
      case 'remaining':
        return this.#remaining(command.by)
      default:
        return this.#disturb(command.do, command.server % this.#models.length)
    }
  }

  async #acquire(by: number): Promise<void> {
    const value = await this.#locks[by]!.acquire()
    // A value that was not granted is unknown, and nothing of it stays.
    const mine = value ?? `refused ${by}`
    const votes = this.#vote((model, nowMs) => model.take(mine, leaseMs(by), nowMs))
    if (!this.#isMajority(votes)) for (const model of this.#models) model.release(mine)
    assert.equal(value !== undefined, this.#isMajority(votes), 'acquire')
    if (value !== undefined) this.#values[by] = { own: value, old: this.#values[by]!.own }
    this.#reached.add(`acquire ${this.#votesKind(votes)}`)
  }

  async #extend(by: number, value: string): Promise<void> {
    const held = this.#models.filter((model, at) => model.holder(this.#nowMs[at]!) === value).length
    const real = await this.#locks[by]!.extend(value)
    const votes = this.#vote((model, nowMs) => model.take(value, leaseMs(by), nowMs))
    assert.equal(real, this.#isMajority(votes), 'extend')
    this.#reached.add(`extend ${this.#votesKind(votes)}${votes > held ? ', some of it free' : ''}`)
  }

  async #release(by: number, value: string): Promise<void> {
    await this.#locks[by]!.release(value)
    const held = this.#vote((model, nowMs) => model.holder(nowMs) === value)
    for (const model of this.#models) model.release(value)
    this.#reached.add(`release ${held > 0 ? 'some' : 'none'}`)
  }

  async #remaining(by: number): Promise<void> {
    const real = await this.#locks[by]!.remainingMs()
    const each = this.#models.map((model, at) => model.remainingMs(this.#nowMs[at]!)).sort((a, b) => a - b)
    const said = each[Math.floor(each.length / 2)]!
    sameTime(said, real)
    this.#reached.add(`remaining ${said > 0 ? 'some' : 'none'}`)
  }

  async #disturb(what: 'forget' | 'expire' | 'seize', at: number): Promise<void> {
    const connection = this.#connections[0]![at]!
    const model = this.#models[at]!
    const nowMs = this.#nowMs[at]!
    if (what === 'forget') {
      await connection.call('DEL', this.#key)
      model.forget()
    } else if (what === 'seize') {
      const reply = await connection.call('SET', this.#key, 'somebody', 'NX', 'PX', leaseMs(0))
      const isFree = model.holder(nowMs) === undefined
      assert.equal(isFree, reply === 'OK', 'seize')
      if (isFree) model.take('somebody', leaseMs(0), nowMs)
    } else if (model.holder(nowMs) !== undefined) {
      await connection.call('PEXPIRE', this.#key, 1)
      await waitUntil('the key to run out', async () => (await connection.call('GET', this.#key)) === null, {
        everyMs: 1,
      })
      this.#nowMs[at] = nowMs + model.remainingMs(nowMs) + 1
      this.#reached.add('expire')
    }
  }

  /**
   * Uses the connections of the last candidate. When they answer, its requests have run, also at the slowest
   * server.
   */
  async #sameServers(by: number): Promise<void> {
    for (const [at, connection] of this.#connections[by]!.entries()) {
      const model = this.#models[at]!
      const value = await connection.call('GET', this.#key)
      assert.equal(model.holder(this.#nowMs[at]!), value ?? undefined, `holder on server ${at}`)
      sameTime(
        model.remainingMs(this.#nowMs[at]!),
        Math.max(0, Number(await connection.call('PTTL', this.#key))),
      )
    }
  }

  #value(by: number, which: Which): string {
    if (which === 'nobody') return 'nobody'
    if (which === 'neighbour') return this.#values[(by + 1) % this.#values.length]!.own
    return this.#values[by]![which]
  }

  /** How many of the servers agree. */
  #vote(ask: (model: LockServerModel, nowMs: number) => boolean): number {
    return this.#models.filter((model, at) => ask(model, this.#nowMs[at]!)).length
  }

  #isMajority(votes: number): boolean {
    return votes > this.#models.length / 2
  }

  #votesKind(votes: number): string {
    if (this.#isMajority(votes)) return votes === this.#models.length ? 'of all' : 'of most'
    return votes === 0 ? 'of none' : 'of too few'
  }
}

/** Real time continues after the write, the model's does not. */
function sameTime(said: number, real: number): void {
  assert.ok(real <= said && real >= Math.max(0, said - slackMs), `${real} ms remain, not ${said}`)
  assert.equal(real > 0, said > 0, 'whether it is free')
}
