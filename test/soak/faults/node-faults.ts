import { reasonOf } from '../../../runtime/errors.js'
import { shiftClock } from '../../tools/node-debugger.js'
import { between, pick, workerTimeoutMs } from '../draw.js'
import { type Fault, momentary, seconds } from './fault.js'

const HOUR_MS = 3_600_000

const leaderKilled: Fault = {
  name: 'leader-killed',
  async strike(context) {
    const leader = await context.leader()
    await context.end(leader, 'SIGKILL')
    return momentary(`kill -9 of ${leader.name}, the leader`)
  },
}

const standbyKilled: Fault = {
  name: 'standby-killed',
  async strike(context, random) {
    const standby = pick(random, await context.standbys())
    await context.end(standby, 'SIGKILL')
    return momentary(`kill -9 of ${standby.name}, a STANDBY`)
  },
}

const leaderTerminated: Fault = {
  name: 'leader-terminated',
  async strike(context) {
    const leader = await context.leader()
    await context.end(leader, 'SIGTERM')
    return momentary(`SIGTERM to ${leader.name}, the leader`)
  },
}

const workerKilled: Fault = {
  name: 'worker-killed',
  async strike(context, random) {
    const worker = pick(random, context.workers)
    await context.end(worker, 'SIGKILL')
    return momentary(`kill -9 of ${worker.name}`, true)
  },
}

const launcherKilled: Fault = {
  name: 'launcher-killed',
  async strike(context, random) {
    const machine = pick(random, context.machines.names)
    await context.endLauncher(machine)
    return {
      what: `kill -9 of the launcher of ${machine}`,
      holdMs: between(random, 0, 1000),
      heal: () => context.startMachine(machine),
      executorsDie: true,
    }
  },
}

const leaderFrozen: Fault = {
  name: 'leader-frozen',
  async strike(context, random) {
    const { cluster, shape } = context
    const leader = await context.leader()
    const holdMs = between(random, 0.3, 3) * shape.leaseMs
    await cluster.freeze(leader)
    return {
      what: `SIGSTOP of ${leader.name}, the leader, for ${seconds(holdMs)}`,
      holdMs,
      heal: async () => cluster.thaw(leader),
      executorsDie: false,
    }
  },
}

const workerFrozen: Fault = {
  name: 'worker-frozen',
  async strike({ cluster, shape, workers }, random) {
    const worker = pick(random, workers)
    const timeoutMs = workerTimeoutMs(shape)
    // Half of them last long enough to be declared dead.
    const isLong = random() < 0.5
    const holdMs = isLong ? timeoutMs + between(random, 1000, 3000) : between(random, 0.1, 0.6) * timeoutMs
    await cluster.freeze(worker)
    return {
      what: `SIGSTOP of ${worker.name} for ${seconds(holdMs)} of its time-out of ${seconds(timeoutMs)}`,
      holdMs,
      heal: async () => cluster.thaw(worker),
      // A busy machine may stall for longer than that.
      executorsDie: isLong,
    }
  },
}

const clockMoved: Fault = {
  name: 'clock-moved',
  async strike({ cluster, shape }, random) {
    const node = pick(random, cluster.nodes)
    const shiftMs = Math.round(between(random, -HOUR_MS, HOUR_MS))
    try {
      await shiftClock(node.pid, shiftMs)
    } catch (error) {
      return `no debugger in ${node.name}: ${reasonOf(error)}`
    }
    return {
      what: `the wall clock of ${node.name} moved by ${seconds(shiftMs)}`,
      holdMs: 2 * shape.leaseMs,
      heal: async () => void (await shiftClock(node.pid, 0)),
      executorsDie: false,
    }
  },
}

export const nodeFaults: readonly Fault[] = [
  leaderKilled,
  standbyKilled,
  workerKilled,
  launcherKilled,
  leaderTerminated,
  leaderFrozen,
  workerFrozen,
  clockMoved,
]
