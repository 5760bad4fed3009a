import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CoreMessage, WorkerEffect, WorkerInput } from '../../actors/worker/worker-events.js'
import { keyOfTimer, type WorkerTimer } from '../../actors/worker/worker-timer.js'
import { DRIVER, launchDriver, ME, WorkerWorld } from '../tools/worker-fixture.js'

/*
 * S3b as a model: one Worker core, three Masters that lead, die, come back and are cut off, a guard, and a
 * Worker that freezes with its mailbox full. When a leader gives up a silent Worker's driver, nothing of it
 * may run.
 */

const W = 60_000
const TICK = 1000
const LEASE = 2500
const addresses = [1, 2, 3].map((number) => `firesteel://10.0.0.${number}:7070`)

interface Master {
  readonly address: string
  life: number
  up: boolean
  /** Can the Worker and it talk? */
  reached: boolean
}

const index = fc.nat({ max: 2 })
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ticks: fc.integer({ min: 1, max: 50 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('elect' as const), index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resign' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('die' as const, 'restart' as const), index }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'heal' as const), index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('freeze' as const, 'thaw' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
)
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never

class Model {
  readonly world = new WorkerWorld({}, addresses)
  readonly masters: Master[] = addresses.map((address) => ({ address, life: 1, up: true, reached: true }))
  readonly timers = new Map<string, { readonly timer: WorkerTimer; readonly atMs: number }>()
  readonly mailbox: WorkerInput[] = []
  frozen = false
  epoch = 0
  leader: Master | undefined
  /** Deposed, has not noticed yet: still answers heartbeats. */
  lingering:
    | { readonly master: Master; readonly life: number; readonly epoch: number; readonly untilMs: number }
    | undefined
  electedAtMs = 0
  observedAtMs = 0
  /** The accepted generation, and whether it is here. */
  generation = 0
  here = false
  process: { readonly name: string; validUntilMs: number; killAtMs: number } | undefined
  relaunches = 0
  runMs = 0
  /** What the Worker has said and nobody has heard yet. */
  readonly wire: Extract<WorkerEffect, { kind: 'tell' }>[] = []
  /** The leader places it at the end of its turn. */
  launchDue = false

  constructor() {
    this.run(this.world.step({ kind: 'start' }))
    for (const master of this.masters) this.connect(master)
  }

  nameOf = (master: Master): string => `m${this.masters.indexOf(master)}-${master.life}`

  /** To the Worker; what it does about it, at once. */
  input(input: WorkerInput): void {
    if (this.frozen) this.mailbox.push(input)
    else this.run(this.world.step(input))
  }

  say(master: Master, message: CoreMessage, epoch = this.epoch): void {
    const position = { epoch, seq: 1 }
    this.input({ kind: 'message', from: this.nameOf(master), role: 'node', position, message })
  }

  connect(master: Master): void {
    if (!master.up || !master.reached) return
    this.input({ kind: 'linkUp', peer: this.nameOf(master), address: master.address })
    if (master === this.leader) this.lead()
    else this.say(master, { type: 'MasterInStandby', masters: addresses }, 0)
  }

  lead(): void {
    const { address } = this.leader!
    this.say(this.leader!, { type: 'MasterChanged', master: address, web: null, masters: addresses })
  }

  launch(): void {
    this.generation++
    this.here = true
    this.say(this.leader!, launchDriver(this.generation, { supervise: true, onIsolation: 'stop' }))
  }

  hear(to: string, message: Extract<WorkerEffect, { kind: 'tell' }>['message']): void {
    const master = this.masters.find((each) => this.nameOf(each) === to)
    if (!master?.up || !master.reached) return
    const { lingering } = this
    if (master === this.leader) this.leaderHears(master, message)
    else if (message.type === 'Heartbeat') {
      const { sentAtMs } = message
      if (
        lingering?.master === master &&
        lingering.life === master.life &&
        this.world.nowMs <= lingering.untilMs
      )
        this.say(master, { type: 'HeartbeatAck', workerId: ME, sentAtMs }, lingering.epoch)
      else this.say(master, { type: 'MasterInStandby', masters: addresses, heartbeatSentAtMs: sentAtMs }, 0)
    }
  }

  leaderHears(master: Master, message: Extract<WorkerEffect, { kind: 'tell' }>['message']): void {
    this.observedAtMs = this.world.nowMs
    if (message.type === 'RegisterWorker') {
      this.say(master, { type: 'RegisteredWorker', workerId: ME, duplicate: false })
    } else if (message.type === 'Heartbeat') {
      this.say(master, { type: 'HeartbeatAck', workerId: ME, sentAtMs: message.sentAtMs })
    } else if (message.type === 'DriverStateChanged') {
      const accepted = this.here && message.generation === this.generation
      if (accepted && message.isolated) this.launchDue = true
      this.say(master, { type: 'ChangesAcknowledged', workerId: ME, changes: [message.change] })
    } else if (message.type === 'WorkerLatestState' || message.type === 'WorkerSchedulerStateResponse') {
      for (const { generation } of message.drivers) {
        if (this.here && generation === this.generation) continue
        this.say(master, { type: 'KillDriver', workerId: ME, driverId: DRIVER, generation })
      }
      if (this.generation === 0) this.launchDue = true
    }
  }

  startTimer(timer: WorkerTimer, ms: number): void {
    this.timers.set(keyOfTimer(timer), { timer, atMs: this.world.nowMs + ms })
  }

  run(effects: readonly WorkerEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'tell') this.wire.push(effect)
      else if (effect.kind === 'startTimer') this.startTimer(effect.timer, effect.ms)
      else if (effect.kind === 'cancelTimer') this.timers.delete(keyOfTimer(effect.timer))
      else if (effect.kind === 'tellRefusals') {
        for (const { address, up, reached } of this.masters) {
          const dialledAtMs = this.world.nowMs - 100
          if (!up && reached) this.input({ kind: 'masterRefused', address, dialledAtMs })
        }
      } else if (effect.kind === 'startDriver') {
        const generation = effect.launch.generation
        assert.ok(
          this.here && generation === this.generation,
          `S3b: ${effect.process} starts, and is not accepted`,
        )
        const { process: name, validUntilBootMs } = effect
        this.process = { name, validUntilMs: validUntilBootMs!, killAtMs: Number.POSITIVE_INFINITY }
        this.input({ kind: 'started', process: name, pid: 4242 })
      } else if (effect.kind === 'extendDriver' && this.process?.name === effect.process) {
        this.process.validUntilMs = effect.validUntilBootMs
      } else if (effect.kind === 'stopProcess' && this.process?.name === effect.process) {
        this.process.killAtMs = Math.min(this.process.killAtMs, this.world.nowMs + effect.graceMs)
      }
    }
  }

  /** What is on its way arrives. */
  settle(): void {
    for (;;) {
      const told = this.wire.shift()
      if (told) this.hear(told.to, told.message)
      else if (this.launchDue && this.leader) {
        this.launchDue = false
        this.launch()
      } else return
    }
  }

  endProcess(): void {
    const { name } = this.process!
    this.process = undefined
    this.input({ kind: 'ended', process: name, end: { exitCode: null, signal: 'SIGKILL' } })
  }

  tick(): void {
    this.world.nowMs += TICK
    const { nowMs } = this.world
    if (this.process) {
      this.runMs += TICK
      const { validUntilMs, killAtMs } = this.process
      // The guard needs nobody; SIGKILL after a grace needs a Worker that runs.
      if (nowMs >= validUntilMs || (!this.frozen && nowMs >= killAtMs)) this.endProcess()
    }
    if (this.leader && this.here && nowMs - Math.max(this.observedAtMs, this.electedAtMs) >= W) {
      assert.equal(this.process, undefined, 'S3b: relaunched elsewhere while it runs here')
      this.here = false
      this.generation++
      this.relaunches++
    }
    if (this.frozen) return
    for (const [key, { timer, atMs }] of [...this.timers]) {
      if (atMs > nowMs) continue
      this.timers.delete(key)
      this.input({ kind: 'timer', timer })
    }
    this.settle()
  }

  do(step: Action): void {
    if (step.do === 'wait') for (let tick = 0; tick < step.ticks; tick++) this.tick()
    else if (step.do === 'elect') this.elect(this.masters[step.index]!)
    else if (step.do === 'resign') this.depose()
    else if (step.do === 'freeze') this.frozen = true
    else if (step.do === 'thaw') this.thaw()
    else if (step.do === 'crash') {
      if (this.process) this.endProcess()
      // Where it was given to, it has ended as well: the leader brings it back.
      else if (!this.here && this.generation > 0) this.launchDue = true
    } else if ('index' in step) this.change(this.masters[step.index]!, step.do)
    this.settle()
  }

  depose(): void {
    this.launchDue = false
    const { leader: master, epoch } = this
    this.leader = undefined
    if (master) this.lingering = { master, life: master.life, epoch, untilMs: this.world.nowMs + LEASE }
  }

  elect(master: Master): void {
    if (!master.up || master === this.leader) return
    this.depose()
    // One that leads again is a new incarnation.
    master.life++
    this.epoch++
    this.leader = master
    this.electedAtMs = this.world.nowMs
    this.connect(master)
  }

  change(master: Master, what: 'die' | 'restart' | 'cut' | 'heal'): void {
    if (what === 'die' && master.up) {
      const peer = this.nameOf(master)
      if (this.leader === master) this.leader = undefined
      master.up = false
      if (master.reached) this.input({ kind: 'linkDown', peer })
    } else if (what === 'restart' && !master.up) {
      master.up = true
      master.life++
      this.connect(master)
    } else if (what === 'cut') master.reached = false
    else if (what === 'heal' && !master.reached) {
      master.reached = true
      this.connect(master)
    }
  }

  thaw(): void {
    this.frozen = false
    // Timers come before what the sockets hold.
    this.world.nowMs += 1
    for (const [key, { timer, atMs }] of [...this.timers]) {
      if (atMs > this.world.nowMs) continue
      this.timers.delete(key)
      this.input({ kind: 'timer', timer })
    }
    for (const input of this.mailbox.splice(0)) this.input(input)
  }
}

test('S3b: whoever leads, dies, is cut off or freezes: a driver never runs here when a leader gives it to another', () => {
  let relaunches = 0
  let runMs = 0
  fc.assert(
    fc.property(fc.array(action, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
      const model = new Model()
      model.elect(model.masters[0]!)
      for (const step of steps) model.do(step)
      relaunches += model.relaunches
      runMs += model.runMs
    }),
    { numRuns: 400 },
  )
  // Else the model would show nothing.
  assert.ok(relaunches > 100, `relaunched ${relaunches} times`)
  assert.ok(runMs > 400 * W, `ran for ${runMs} ms`)
})
