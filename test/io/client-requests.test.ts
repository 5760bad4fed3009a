import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { followDriver } from '../../actors/client/follow-driver.js'
import { MasterClient, type MasterClientOptions } from '../../actors/client/master-client.js'
import { RequestPlan } from '../../actors/client/request-plan.js'
import { type MasterRequest, onlyReads } from '../../actors/client/request-types.js'
import { routeOf } from '../../actors/master/routes.js'
import type { ClientMessage, MasterMessage } from '../../actors/messages/catalogue.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { waitUntil } from '../harness/wait-until.js'
import { CLUSTER, FakeMaster, type FakeOptions, SECRET } from '../tools/client-fake-master.js'

const kill = { type: 'RequestKillDriver', driverId: 'driver-1' } as const
const killed: ClientMessage = { type: 'KillDriverResponse', driverId: 'driver-1', message: 'killed' }
const failure = (code: string): ClientMessage => ({
  type: 'Failure',
  code: `FIRESTEEL_${code}`,
  message: code,
})

const finished: ClientMessage = {
  type: 'DriverStatusResponse',
  driverId: 'driver-2',
  name: 'nightly',
  state: 'FINISHED',
  generation: 1,
  supervise: false,
  worker: null,
  exitCode: 0,
  signal: null,
  message: '',
}

async function fake(t: TestContext, options: FakeOptions): Promise<FakeMaster> {
  const master = await FakeMaster.start(options)
  t.after(() => master.stop())
  return master
}

function clientOf(
  t: TestContext,
  masters: readonly string[],
  options: Partial<MasterClientOptions> = {},
): MasterClient {
  const credential = { role: 'client', tls: undefined, key: deriveKey(SECRET, 'client') } as const
  const client = new MasterClient({ cluster: '', masters, credential, masterTimeoutMs: 5000, ...options })
  t.after(() => client.close())
  return client
}

test('finds the leader among several and gives its answer', async (t) => {
  const standby = await fake(t, { epoch: 0 })
  const leader = await fake(t, { epoch: 3, on: () => killed })
  const client = clientOf(t, [standby.address, leader.address])
  assert.deepEqual(await client.request(kill), killed)
  assert.deepEqual(standby.received, [])
})

test('a standby teaches the address of the leader', async (t) => {
  const leader = await fake(t, { epoch: 3, on: () => killed })
  const standby = await fake(t, { epoch: 0, masters: [leader.address] })
  const client = clientOf(t, [standby.address])
  assert.deepEqual(await client.request(kill), killed)
  assert.deepEqual(client.masters, [standby.address, leader.address])
})

for (const code of ['NOT_LEADER', 'BUSY', 'STORE_FULL', 'STORE_UNAVAILABLE']) {
  test(`${code} is tried again until it is done`, async (t) => {
    let tries = 0
    const leader = await fake(t, { epoch: 1, on: () => (++tries < 3 ? failure(code) : killed) })
    assert.deepEqual(await clientOf(t, [leader.address]).request(kill), killed)
    assert.equal(tries, 3)
  })
}

test('any other refusal comes at once, once, with its code', async (t) => {
  const leader = await fake(t, { epoch: 1, on: () => failure('UNKNOWN_ID') })
  await assert.rejects(clientOf(t, [leader.address]).request(kill), {
    code: 'FIRESTEEL_UNKNOWN_ID',
    exitCode: 4,
  })
  assert.equal(leader.received.length, 1)
})

test('the same request is repeated under the next leader when the first one goes silent', async (t) => {
  const next = await fake(t, { epoch: 0, on: () => killed })
  const first = await fake(t, { epoch: 1, on: () => undefined })
  const client = clientOf(t, [first.address, next.address])
  const answer = client.request(kill)
  await waitUntil('the first Master has it', () => first.received.length === 1)
  await waitUntil('the next one is linked', () => next.peers.size === 1)
  next.lead(2)
  assert.deepEqual(await answer, killed)
  assert.deepEqual(next.received, [kill] satisfies MasterMessage[])
})

test('an answer of a leadership that is over is ignored (R8)', async (t) => {
  const next = await fake(t, { epoch: 0, on: () => killed })
  const stale: ClientMessage = { ...killed, message: 'stale' } as ClientMessage
  const first = await fake(t, {
    epoch: 1,
    on: () => {
      next.lead(2)
      return undefined
    },
  })
  const client = clientOf(t, [first.address, next.address])
  await waitUntil('both are linked', () => first.peers.size === 1 && next.peers.size === 1)
  const answer = client.request(kill)
  await waitUntil('the next Master has it', () => next.received.length === 1)
  for (const peer of first.peers) first.tell(peer, stale)
  assert.deepEqual(await answer, killed)
})

test('an unknown outcome is repeated once in its epoch, and no more', async (t) => {
  const leader = await fake(t, { epoch: 4, on: () => failure('OUTCOME_UNKNOWN') })
  await assert.rejects(clientOf(t, [leader.address], { masterTimeoutMs: 600 }).request(kill), {
    code: 'FIRESTEEL_OUTCOME_UNKNOWN',
  })
  assert.equal(leader.received.length, 2)
})

test('a link that breaks under a request is an unknown outcome: repeated on the next link', async (t) => {
  let tries = 0
  const leader = await fake(t, {
    epoch: 1,
    on: (_message, _from, self) => {
      if (++tries > 1) return killed
      self.cut()
      return undefined
    },
  })
  assert.deepEqual(await clientOf(t, [leader.address]).request(kill), killed)
  assert.equal(tries, 2)
})

test('without a leader it ends with NO_MASTER at the deadline', async (t) => {
  const standby = await fake(t, { epoch: 0 })
  const client = clientOf(t, [standby.address, 'firesteel://127.0.0.1:1'])
  await assert.rejects(
    client.request(kill, { timeoutMs: 300 }),
    (error) =>
      isFiresteelError(error, 'NO_MASTER') &&
      error.exitCode === 3 &&
      /in standby/.test(error.message) &&
      /127\.0\.0\.1:1 \(nothing listens there\)/.test(error.message),
  )
})

test('a wrong secret ends a request at once', async (t) => {
  const leader = await fake(t, { epoch: 1, on: () => killed })
  const credential = {
    role: 'client',
    tls: undefined,
    key: deriveKey('another-secret-of-more-than-32-bytes', 'client'),
  } as const
  await assert.rejects(clientOf(t, [leader.address], { credential }).request(kill), {
    code: 'FIRESTEEL_SECRET_WRONG',
    exitCode: 4,
  })
})

test('another cluster ends a request at once; a client that names none takes any that shares the secret', async (t) => {
  const leader = await fake(t, { epoch: 1, on: () => killed, cluster: 'other' })
  await assert.rejects(clientOf(t, [leader.address], { cluster: CLUSTER }).request(kill), {
    code: 'FIRESTEEL_CLUSTER_MISMATCH',
  })
  assert.deepEqual(await clientOf(t, [leader.address]).request(kill), killed)
})

test('a signal ends a request with its reason; close() ends those under way', async (t) => {
  const leader = await fake(t, { epoch: 1, on: () => undefined })
  const client = clientOf(t, [leader.address])
  const controller = new AbortController()
  const aborted = client.request(kill, { signal: controller.signal })
  await waitUntil('it is under way', () => leader.received.length === 1)
  controller.abort(new Error('enough'))
  await assert.rejects(aborted, /enough/)
  const closed = client.request(kill)
  await waitUntil('it is under way', () => leader.received.length === 2)
  await Promise.all([assert.rejects(closed, { code: 'FIRESTEEL_ACTOR_STOPPED' }), client.close()])
})

test('a Worker streams a log to its end', async (t) => {
  const master = await fake(t, { epoch: 1 })
  const worker = await fake(t, {
    epoch: 1,
    actor: 'Worker',
    on: (message, from, self) => {
      if ((message.type as string) !== 'RequestLog') return undefined
      const { stream } = message as unknown as { stream: string }
      const chunk = (data: string, end: boolean): void =>
        self.tell(from, { type: 'LogChunk', stream, data: Buffer.from(data).toString('base64'), end })
      chunk('one\n', false)
      chunk('two\n', false)
      chunk('', true)
      return undefined
    },
  })
  const client = clientOf(t, [master.address])
  const log = await client.workerStream(worker.address, { id: 'driver-1', output: 'stdout', follow: false })
  let text = ''
  for await (const bytes of log) text += bytes.toString('utf8')
  assert.equal(text, 'one\ntwo\n')
})

test('a log that a Worker refuses throws its code; one that breaks off throws LINK_CLOSED', async (t) => {
  const master = await fake(t, { epoch: 1 })
  const worker = await fake(t, {
    epoch: 1,
    actor: 'Worker',
    on: (message, from, self) => {
      const { stream, id } = message as unknown as { stream: string; id: string }
      if (id === 'gone') {
        const error = 'FIRESTEEL_UNKNOWN_ID: nothing named gone has run on this Worker'
        self.tell(from, { type: 'LogChunk', stream, data: '', end: true, error })
      } else if (id === 'cut') {
        self.cut()
      }
      return undefined
    },
  })
  const client = clientOf(t, [master.address])
  const read = async (id: string): Promise<unknown> =>
    (await client.workerStream(worker.address, { id, output: 'stderr', follow: true })).next()
  await assert.rejects(read('gone'), { code: 'FIRESTEEL_UNKNOWN_ID' })
  await assert.rejects(read('cut'), { code: 'FIRESTEEL_LINK_CLOSED' })
})

test('three Masters: each request follows the leadership, whoever was named first', async (t) => {
  const answers: string[] = []
  const trio = await Promise.all(
    [0, 1, 2].map((index) =>
      fake(t, {
        epoch: 0,
        on: () => {
          answers.push(`m${index}`)
          return killed
        },
      }),
    ),
  )
  const client = clientOf(
    t,
    trio.map(({ address }) => address),
  )
  for (const [index, epoch] of [
    [1, 1],
    [2, 2],
    [0, 3],
    [2, 4],
  ] as const) {
    trio[index]!.lead(epoch)
    await waitUntil(`m${index} is asked`, async () => {
      await client.request(kill)
      return answers.at(-1) === `m${index}`
    })
  }
  assert.deepEqual(
    answers.filter((name, index) => name !== answers[index - 1]),
    ['m1', 'm2', 'm0', 'm2'],
  )
})

test('a stranger at one of the addresses does not end a request that another Master answers', async (t) => {
  const stranger = await fake(t, { epoch: 7, cluster: 'other' })
  const leader = await fake(t, { epoch: 0, on: () => killed })
  const client = clientOf(t, [stranger.address, leader.address], { cluster: CLUSTER })
  const answer = client.request(kill)
  await waitUntil('the Master of ours is linked', () => leader.peers.size === 1)
  leader.lead(1)
  assert.deepEqual(await answer, killed)
})

test('refused by one and nobody at the other: at once', async (t) => {
  const stranger = await fake(t, { epoch: 7, cluster: 'other' })
  const client = clientOf(t, ['firesteel://127.0.0.1:1', stranger.address], { cluster: CLUSTER })
  await assert.rejects(client.request(kill), { code: 'FIRESTEEL_CLUSTER_MISMATCH' })
})

test('an unknown outcome, then a leader that still recovers: asked until it is done', async (t) => {
  let tries = 0
  const next = await fake(t, { epoch: 0, on: () => (++tries < 4 ? failure('NOT_LEADER') : killed) })
  const first = await fake(t, {
    epoch: 1,
    on: () => {
      next.lead(2)
      return undefined
    },
  })
  const client = clientOf(t, [first.address, next.address])
  await waitUntil('both are linked', () => first.peers.size === 1 && next.peers.size === 1)
  assert.deepEqual(await client.request(kill), killed)
  assert.equal(tries, 4)
})

test('a submission retried across a failover has the same key', async (t) => {
  const keys: string[] = []
  const submitted: ClientMessage = {
    type: 'SubmitDriverResponse',
    driverId: 'd',
    key: 'k',
    state: 'SUBMITTED',
  }
  const note = (message: MasterMessage): void => {
    if (message.type === 'RequestSubmitDriver') keys.push(message.key)
  }
  const next = await fake(t, {
    epoch: 0,
    on: (message) => {
      note(message)
      return submitted
    },
  })
  const first = await fake(t, {
    epoch: 1,
    on: (message) => {
      note(message)
      next.lead(2)
      return undefined
    },
  })
  const client = clientOf(t, [first.address, next.address])
  await waitUntil('both are linked', () => first.peers.size === 1 && next.peers.size === 1)
  assert.deepEqual(
    await client.request({ type: 'RequestSubmitDriver', key: 'k', description: driverDescription }),
    submitted,
  )
  assert.deepEqual(keys, ['k', 'k'])
})

test('a submission that the store lost is made again with its key, and followed on', async (t) => {
  const received: string[] = []
  const leader = await fake(t, {
    epoch: 1,
    on: (message) => {
      if (message.type === 'RequestSubmitDriver') {
        received.push(`submit ${message.key}`)
        return { type: 'SubmitDriverResponse', driverId: 'driver-2', key: message.key, state: 'SUBMITTED' }
      }
      if (message.type !== 'RequestDriverStatus') return undefined
      received.push(`status ${message.driverId}`)
      return message.driverId === 'driver-1' ? failure('SUBMISSION_LOST') : finished
    },
  })
  const again: string[] = []
  const status = await followDriver(
    clientOf(t, [leader.address]),
    { driverId: 'driver-1', key: 'k', description: driverDescription },
    { onResubmitted: (id, before) => again.push(`${before} -> ${id}`) },
  )
  assert.deepEqual(status, finished)
  assert.deepEqual(received, ['status driver-1', 'submit k', 'status driver-2'])
  assert.deepEqual(again, ['driver-1 -> driver-2'])
})

test('an id that never was is no submission that was lost', async (t) => {
  const leader = await fake(t, { epoch: 1, on: () => failure('UNKNOWN_ID') })
  const followed = followDriver(clientOf(t, [leader.address]), {
    driverId: 'd',
    key: 'k',
    description: driverDescription,
  })
  await assert.rejects(followed, { code: 'FIRESTEEL_UNKNOWN_ID' })
  assert.equal(leader.received.length, 1)
})

test('a question that is never answered leaves nothing in doubt: no Master answers', async (t) => {
  const leader = await fake(t, { epoch: 4, on: (_message, _from, self) => void self.cut() })
  const client = clientOf(t, [leader.address], { masterTimeoutMs: 600 })
  await assert.rejects(client.request({ type: 'RequestMasterState' }), { code: 'FIRESTEEL_NO_MASTER' })
  assert.ok(leader.received.length > 0)
})

test('requests that only read are those which a Master answers while its store is degraded', () => {
  const types = [
    ...['RequestSubmitDriver', 'RequestKillDriver', 'RequestRestartDriver', 'RequestKillApplication'],
    ...['KillExecutors', 'RequestDriverStatus', 'RequestMasterState', 'RequestLogLocation'],
  ] as MasterRequest['type'][]
  for (const type of types)
    assert.equal(onlyReads(type), routeOf({ type } as MasterMessage)?.access === 'reads', type)
})

test('the plan of a request', () => {
  const plan = new RequestPlan('RequestKillDriver')
  const unknown = new FiresteelError('OUTCOME_UNKNOWN', 'x')
  assert.equal(plan.mayTry(1), true)
  plan.sending(1)
  assert.equal(plan.failed(new FiresteelError('BUSY', 'x')), 'retry')
  assert.equal(plan.mayTry(1), true, 'what was not done may be sent as often as it takes')
  plan.sending(1)
  assert.equal(plan.failed(unknown), 'retry')
  plan.sending(1)
  assert.equal(plan.mayTry(1), false)
  assert.equal(plan.mayTry(2), true)
  plan.sending(2)
  plan.failed(unknown)
  assert.equal(plan.mayTry(2), false)
  assert.equal(plan.mayTry(3), true)
  plan.sending(3)
  plan.failed(new FiresteelError('NOT_LEADER', 'it still recovers'))
  assert.equal(plan.mayTry(3), true, 'refused for now after an unknown outcome: not done, so not the one try')
  plan.sending(3)
  plan.failed(unknown)
  assert.equal(plan.mayTry(3), false)
  assert.equal(plan.failed(new FiresteelError('KEY_REUSED', 'x')), 'final')
  assert.equal(plan.failed(new TypeError('x')), 'final')
})
