import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ElectionAgentContext, electionOverLock } from '../../actors/election/election-agent.js'
import { RedlockLock } from '../../actors/election/redlock-lock.js'
import { systemClock } from '../../runtime/clock.js'
import { silentLog } from '../../runtime/observe/log.js'
import { openRedis } from '../../runtime/persistence/redis/redis-recovery.js'
import {
  type Candidate,
  type Contender,
  type ElectionUnderTest,
  Electorate,
  electionSuite,
} from '../conformance/election-suite.js'
import { suiteSchemas } from '../conformance/persistence-suite.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { SECRET } from '../tools/transport-support.js'

let data: RedisServer
let locks: RedisServer[] = []
let clusters = 0

before(async () => {
  ;[data, ...locks] = await Promise.all([startRedis(), startRedis(), startRedis(), startRedis()])
})
after(() => Promise.all([data, ...locks].map((server) => server.stop())))

interface Process extends Contender {
  /** When its connections to servers came back. */
  readonly reconnectedAtMs: readonly number[]
}

/** A process of its own: its connections to the data store, and to the lock servers where there are some. */
async function open(cluster: string, election: readonly string[], leaseMs: number): Promise<Process> {
  const opened = await openRedis({
    cluster,
    redis: data.url,
    election,
    replicas: 0,
    leaseMs,
    schemas: suiteSchemas,
    secret: SECRET,
    clock: systemClock,
    log: silentLog,
  })
  const { engine, presence, reconnections, lockServers: servers, lockKey: key } = opened
  const lock = new RedlockLock({ servers, key, leaseMs })
  // Nobody distrusts a server that it has been connected to for a lease.
  const connectedAtMs = systemClock.monotonicMs() - leaseMs
  const reconnectedAtMs: number[] = []
  reconnections.onReconnected(() => void reconnectedAtMs.push(systemClock.monotonicMs()))
  return {
    reconnectedAtMs,
    engine,
    agent: (context: ElectionAgentContext) =>
      electionOverLock(context, { lock, presence, reconnections, connectedAtMs }),
    close: () => opened.close(),
  }
}

interface RedisElection extends ElectionUnderTest {
  open(): Promise<Process>
}

async function electionOver(servers: () => readonly RedisServer[], leaseMs = 1000): Promise<RedisElection> {
  const cluster = `c${++clusters}`
  const urls = servers().map(({ url }) => url)
  return { leaseMs, open: () => open(cluster, urls, leaseMs), dispose: async () => {} }
}

electionSuite('REDIS, one server', () => electionOver(() => []))
electionSuite('REDIS, three lock servers', () => electionOver(() => locks))

describe('three lock servers', () => {
  /**
   * Three candidates of one process each, and when each of them was elected, by the clock that the agents
   * read.
   */
  async function settled() {
    const under = await electionOver(() => locks)
    const processes: Process[] = []
    const electedAtMs = new Map<Process, number>()
    const court = new Electorate({
      ...under,
      open: async () => {
        const process = await under.open()
        processes.push(process)
        const agent = (context: ElectionAgentContext) => {
          const tellMaster: typeof context.tellMaster = (message) => {
            if (message.type === 'ElectedLeader') electedAtMs.set(process, systemClock.monotonicMs())
            context.tellMaster(message)
          }
          return process.agent({ ...context, tellMaster })
        }
        return { ...process, agent }
      },
    })
    for (const owner of ['m1-1', 'm2-1', 'm3-1']) await court.candidate(owner)
    const leader = await court.leader()
    const processOf = (candidate: Candidate): Process => processes[court.all.indexOf(candidate)]!
    return { court, leader, processOf, electedAtMs }
  }

  test('one dead, then back; one frozen, then back: nothing happens', async () => {
    const { court } = await settled()
    try {
      const [first, , third] = locks
      await first!.kill()
      await court.quiet(2)
      await first!.restart()
      await court.quiet(0.5)
      third!.freeze()
      await court.quiet(2)
      third!.thaw()
      await court.quiet(0.5)
    } finally {
      locks[2]!.thaw()
      await court.close()
    }
  })

  test('two dead: the leader leads on as its record is confirmed; without it nobody is elected until they are back', async () => {
    const { court, leader, processOf, electedAtMs } = await settled()
    const [first, second] = locks
    try {
      await Promise.all([first!.kill(), second!.kill()])
      await court.quiet(3)
      leader.cutOff()
      await waitUntil('its deadline', () => !leader.leads)
      await court.quiet(2)
      await Promise.all([first!.restart(), second!.restart()])
      const next = await court.leader()
      assert.notEqual(next, leader)
      // They may have lost the lock: one lease of distrust since the last of them came back.
      const process = processOf(next)
      const distrustedMs = electedAtMs.get(process)! - process.reconnectedAtMs.at(-1)!
      assert.ok(distrustedMs > court.leaseMs * 0.9, 'a server that came back was believed')
      assert.ok(next.elected!.epoch > leader.elected!.epoch)
    } finally {
      await Promise.all([first!.restart(), second!.restart()])
      await court.close()
    }
  })
})

describe('early take-over on one Redis', () => {
  /** m1 leads; m2 stands by, and probes m1 with `probe`. */
  async function beside(says: 'gone' | 'alive', leaseMs: number) {
    const under = await electionOver(() => [], leaseMs)
    const contenders: Contender[] = []
    const court = new Electorate({
      ...under,
      open: async () => {
        const contender = await under.open()
        contenders.push(contender)
        return {
          ...contender,
          agent: (context) => contender.agent({ ...context, probeMaster: async () => says }),
        }
      },
    })
    const first = await court.candidate('m1-1')
    await court.leader()
    const second = await court.candidate('m2-1')
    await waitUntil('it to have looked', () => second.said.some(({ type }) => type === 'LeaderRecordSeen'))
    return { court, first, second, firstContender: contenders[0]! }
  }

  test('the process is gone: link closed, port refused, presence 0: elected long before the lease is over', async () => {
    const { court, first, second, firstContender } = await beside('gone', 600_000)
    try {
      first.cutOff()
      await firstContender.close()
      second.tell({ type: 'MasterLinkClosed', incarnation: 'm1-1' })
      await waitUntil('the successor', () => second.leads)
    } finally {
      await court.close()
    }
  })

  test('the process lives: a closed link and even a false probe do not help without its presence', async () => {
    for (const says of ['gone', 'alive'] as const) {
      const { court, second } = await beside(says, 1000)
      try {
        second.tell({ type: 'MasterLinkClosed', incarnation: 'm1-1' })
        await court.quiet(1.5)
      } finally {
        await court.close()
      }
    }
  })
})
