import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RecordTable, recordSchemas, recordViolations } from '../../actors/master/records.js'
import type { ClientMessage } from '../../actors/messages/catalogue.js'
import { catalogue, checked, type MasterMessage } from '../../actors/messages/catalogue.js'
import { applicationDescription, driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { type Node, nodeOf, withMore } from '../tools/message-schema.js'

/*
 * A message may have fields that its schema does not name, and a part of it becomes a record. No such field
 * becomes a field of the record, which would mean something else there: the next leader could not read it.
 */

const fieldsOf = (node: Node): string[] =>
  [node, ...(node.oneOf ?? []), ...(node.anyOf ?? [])].flatMap(({ properties }) =>
    Object.keys(properties ?? {}),
  )

/** Every field of every record. Its value is right for none of them. */
const recordFields = [...new Set(Object.values(recordSchemas).flatMap((schema) => fieldsOf(nodeOf(schema))))]
const odd = { odd: true }

const withRecordFields = (message: MasterMessage): object =>
  withMore(message, nodeOf(catalogue.master.get(message.type)!), ({ properties = {} }) =>
    Object.fromEntries(
      recordFields.filter((name) => !Object.hasOwn(properties, name)).map((name) => [name, odd]),
    ),
  ) as object

/** A Master that gets each message as its gateway lets it in, with fields that nobody has asked for. */
class OddWorld extends MasterWorld {
  /** By type of message, which tables its step wrote. */
  readonly wrote = new Map<string, Set<string>>()

  override tell(from: string, message: MasterMessage, reply?: unknown): void {
    const letIn = checked('master', withRecordFields(message))
    assert.ok(letIn.reason === undefined, letIn.reason)
    super.tell(from, letIn.message as MasterMessage, reply)
    const tables = this.wrote.get(message.type) ?? new Set()
    for (const { table } of this.lastStep?.puts ?? []) tables.add(table)
    this.wrote.set(message.type, tables)
    for (const [table, rows] of this.store)
      for (const [id, row] of rows)
        assert.equal(
          recordViolations[table](row),
          undefined,
          `the ${table} ${id}, after ${message.type}: ${JSON.stringify(row)}`,
        )
  }
}

const life = {
  starts: 1,
  failedAtMs: [5],
  lastExit: { atMs: 5, generation: 1, attempt: 1, code: 1, signal: null },
}

let change = 0
const ends = (world: OddWorld, workerId: string, driverId: string, generation: number): void =>
  world.tell(workerId, {
    type: 'DriverStateChanged',
    workerId,
    change: ++change,
    driverId,
    generation,
    attempt: 1,
    state: 'FAILED',
    exitCode: 1,
    life,
  })

const ask = (world: OddWorld, message: MasterMessage): ClientMessage => {
  const answer = world.ask('cli', message)
  assert.ok(answer && answer.type !== 'Failure', JSON.stringify(answer))
  return answer
}

/** A life in which each type of message is said whose step may write a record. */
function lived(): OddWorld {
  const world = new OddWorld({ keyRetentionMs: 1e9 }).elect()
  world.link('cli', 'client')
  world.worker('w1', {
    cores: 8,
    confinement: { limits: 'watch', ends: 'watch', noNewPrivileges: true },
    isSupervised: true,
    restarts: { count: 1, gapMs: 5 },
  })
  world.advance(2000)
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 1, restartMs: 1000 })
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 2 })
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 3, restartMs: 1000 })
  world.registerWorker('w1', { cores: 8, restarts: { count: 2, gapMs: 5 } })
  world.report('w1', { restarts: { count: 3, gapMs: 5 } })
  drivers(world)
  deployments(world)
  applications(world)
  drains(world)
  const token = newTokenId('submit', undefined)
  ask(world, { type: 'RequestCreateToken', id: token, name: 'ann' })
  ask(world, { type: 'RequestRevokeToken', token })
  world.failover().elect()
  afterFall(world)
  return world
}

function drivers(world: OddWorld): void {
  const submit = (key: string) => {
    const description = { ...driverDescription, supervise: key !== 'once', cores: 1 }
    const answer = ask(world, { type: 'RequestSubmitDriver', key, description })
    return answer.type === 'SubmitDriverResponse' ? answer.driverId : ''
  }
  const [driverId, once] = [submit('service'), submit('once')]
  const progress = { phase: 'resting', life } as const
  world.tell('w1', { type: 'DriverProgressed', workerId: 'w1', driverId, generation: 1, progress })
  ask(world, { type: 'RequestRestartDriver', driverId, request: 'r1' })
  ask(world, { type: 'RequestKillDriver', driverId, by: 'ann' })
  ends(world, 'w1', driverId, 1)
  ends(world, 'w1', once, 1)
}

function deployments(world: OddWorld): void {
  const file = { file: 'c.yaml', folder: '/', text: 'a' }
  const whose = { by: 'ann', changes: [], after: 0, back: 1 }
  ask(world, { type: 'BeginDeployment', ...file, text: 'b', ...whose, former: file })
  for (const content of ['one', 'two']) {
    const description = { ...driverDescription, name: 'api', args: [content], supervise: true, cores: 1 }
    const to = { key: `deployment/api/${content}`, description }
    ask(world, { type: 'DeploySubmission', deployment: 2, name: 'api', to })
  }
  const [api] = [...world.core.cluster!.drivers.keys()]
  ends(world, 'w1', api!, 1)
  ask(world, { type: 'DeploySubmission', deployment: 2, name: 'api' })
  ends(world, 'w1', api!, 2)
  ask(world, { type: 'EndDeployment', number: 2, state: 'FAILED', message: 'no room' })
}

function applications(world: OddWorld): void {
  const appId = world.application('one')
  const executor = { workerId: 'w1', appId, execId: 0 }
  world.tell('w1', { type: 'ExecutorStateChanged', ...executor, change: ++change, state: 'RUNNING' })
  world.tell('one', { type: 'ExecutorWorked', appId, execId: 0 })
  world.ask('one', { type: 'RequestExecutors', appId, request: 1, total: 2 })
  world.ask('one', { type: 'KillExecutors', appId, execIds: [0] })
  world.tell('one', { type: 'UnregisterApplication', appId })
  ask(world, { type: 'RequestKillApplication', appId: world.application('two'), by: 'ann' })
}

function drains(world: OddWorld): void {
  const workers = ['w1']
  ask(world, { type: 'DecommissionWorkers', workers, by: 'ann', reason: 'a new kernel' })
  world.tell('w1', { type: 'WorkerDecommissioning', workerId: 'w1', deadlineMs: 1, reason: 'stop' })
  ask(world, { type: 'RecommissionWorkers', workers, by: 'ann' })
}

/** What peers tell of that the store forgot. */
function afterFall(world: OddWorld): void {
  const forgotten = { epoch: 1, seq: 10_000, owner: 'another' }
  world.link('w9')
  world.registerWorker('w9', { port: 7009, cores: 8 })
  world.tell('w9', {
    type: 'WorkerSchedulerStateResponse',
    id: 'w9',
    executors: [],
    drivers: [
      {
        driverId: 'driver-9',
        generation: 3,
        attempt: 1,
        state: 'RUNNING',
        resources: { gpu: ['0'] },
        description: { ...driverDescription, supervise: true },
        owner: { name: 'ann' },
        launchedAt: forgotten,
        progress: { phase: 'running', life },
      },
    ],
  })
  assert.equal(world.core.cluster!.drivers.get('driver-9')?.record.generation, 3)
  world.link('three', 'driver', 'driver-9/3')
  world.tell('three', {
    type: 'MasterChangeAcknowledged',
    appId: 'app-9',
    registration: 'reg-9',
    description: applicationDescription,
    driver: { id: 'driver-9', generation: 3, attempt: 1 },
    listen: { host: workerOffer.host, port: 5000 },
    executors: [],
    highestExecId: 3,
    registeredAt: forgotten,
  })
  world.tell('three', {
    type: 'RegisterApplication',
    registration: 'reg-10',
    description: applicationDescription,
    driver: { id: 'driver-9', generation: 3, attempt: 1 },
    listen: { port: 5000 },
  })
}

const writes = {
  RegisterWorker: ['worker'],
  Heartbeat: ['worker'],
  WorkerLatestState: ['worker'],
  WorkerSchedulerStateResponse: ['driver'],
  DriverProgressed: ['driver'],
  DriverStateChanged: ['driver', 'ended', 'key'],
  WorkerDecommissioning: ['drain'],
  RegisterApplication: ['app', 'ended'],
  MasterChangeAcknowledged: ['app'],
  UnregisterApplication: ['ended'],
  RequestKillApplication: ['ended'],
  RequestSubmitDriver: ['driver'],
  RequestKillDriver: ['driver'],
  RequestRestartDriver: ['driver'],
  DecommissionWorkers: ['drain'],
  BeginDeployment: ['deployment'],
  EndDeployment: ['deployment'],
  DeploySubmission: ['driver'],
  RequestCreateToken: ['token'],
  RequestRevokeToken: ['token'],
} as const satisfies Partial<Record<MasterMessage['type'], readonly RecordTable[]>>

/** Their steps write nothing of what they say. Records in a LostTail are text, and checked as records. */
const writeNothing: readonly string[] = [
  ...['MasterChanged', 'MasterInStandby', 'LeaderPulse', 'StandbyPulse', 'RequestLostTail', 'LostTail'],
  ...['TailTaken', 'HandOver', 'Released', 'TokensInForce', 'PositionSeen', 'StaleEpoch'],
  ...['WorkerRestartRefused', 'CodeHeld', 'RegisterLauncher', 'LauncherOrderChanged'],
  ...['ExecutorStateChanged', 'RequestExecutors', 'KillExecutors', 'ExecutorWorked', 'TasksSummarized'],
  ...['RequestCodePlan', 'RecommissionWorkers', 'RequestDeployment', 'RequestHistory', 'RequestLaunchers'],
  ...['RequestLauncherOrder', 'RequestRestartWorker', 'RequestFinishUpgrade', 'RequestDriverStatus'],
  ...['RequestLogLocation', 'RequestIdentity', 'RequestTokens', 'RequestMasterState', 'RequestTrace'],
  ...['TraceChunk', 'RequestPageTicket', 'RequestTokenSecret', 'RequestWorkerCredential'],
]

test('whatever fields a message has beside its own, the records that are made of it can be read', () => {
  const { wrote } = lived()
  const found = Object.fromEntries(
    [...wrote].flatMap(([type, tables]) => (tables.size > 0 ? [[type, [...tables].sort()]] : [])),
  )
  assert.deepEqual(found, writes)
  assert.deepEqual([...catalogue.master.keys()].sort(), [...Object.keys(writes), ...writeNothing].sort())
})
