import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { workerOffer } from '../../../actors/messages/samples.js'
import { limits } from '../../../runtime/limits.js'
import type { Message } from '../../../runtime/system/ref.js'
import { type DialOptions, dial } from '../../../runtime/transport/dial.js'
import { encodeFrame, frameKind } from '../../../runtime/transport/frame.js'
import { MASTER_SUBJECT } from '../../../runtime/transport/identity.js'
import { deriveKey, joinKey } from '../../../runtime/transport/keys.js'
import type { Link, LinkReceiver } from '../../../runtime/transport/link.js'
import { readToken } from '../../../runtime/transport/token.js'
import { createTestCluster, type TestCluster } from '../../harness/index.js'
import { waitUntil } from '../../harness/wait-until.js'
import { lostTailFlood } from '../../tools/lost-tail-flood.js'
import { Inbox, provenRaw, rawSocket } from '../../tools/transport-support.js'

/*
 * What a peer without access to the store can do to a Master, with the key of a node or client, the token of
 * a Worker, or none.
 */

/**
 * For this time an attack may never hold the loop of the Master, by the Master's own clock. A turn takes a
 * few milliseconds, and on a busy machine with two cores a process waits some hundred for its next one. Only
 * a loop that an attack keeps busy reaches this, which is a lease and a bound of the histogram. How much an
 * attack delays others is what `npm run bench -- attacks` measures.
 */
const FREEZE_SECONDS = 2.5

let cluster: TestCluster
let port: number
let web: string
let key: Buffer
before(async () => {
  cluster = await createTestCluster({ workers: 1, cores: 2 })
  const leader = await cluster.waitAlive({ workers: 1 })
  port = Number(new URL(leader.address.replace('firesteel:', 'http:')).port)
  web = leader.web as string
  key = deriveKey(cluster.secret, 'client')
})
after(() => cluster.stop())

/** How often the loop of the Master was held for longer than each bound, since it began. */
async function holds(): Promise<ReadonlyMap<number, number>> {
  const text = await fetch(`${web}/metrics`).then((answer) => answer.text())
  const lines = [...text.matchAll(/^firesteel_event_loop_lag_seconds_bucket\{.*le="(.*?)".*\} (\d+)/gm)]
  const upTo = lines.map(([, bound, number]) => [Number(bound), Number(number)] as const)
  const all = Math.max(...upTo.map(([, number]) => number))
  return new Map(upTo.map(([bound, number]) => [bound, all - number]))
}

interface Standing {
  readonly epoch: number
  readonly pids: readonly number[]
}

async function standing(): Promise<Standing> {
  const answer = await fetch(`${web}/json/`)
  const { status, firesteel } = (await answer.json()) as { status: string; firesteel: { epoch: number } }
  assert.equal(status, 'ALIVE')
  return { epoch: firesteel.epoch, pids: cluster.nodes.map(({ pid }) => pid) }
}

/**
 * Runs an attack; afterwards the same leadership stands, in the same processes, and a legal peer is served.
 */
function attack(name: string, run: () => Promise<() => void>): void {
  test(name, async (t) => {
    const before = await standing()
    const heldBefore = await holds()
    const end = await run()
    const { workers } = await cluster.status()
    assert.equal(workers[0]?.state, 'ALIVE', 'a legal peer is served meanwhile')
    end()
    const held = [...(await holds())].filter(([bound, times]) => times > heldBefore.get(bound)!)
    const longest = Math.max(0, ...held.map(([bound]) => bound))
    t.diagnostic(`the loop of the Master was held for more than ${longest} s, and for no larger bound`)
    assert.ok(longest < FREEZE_SECONDS, `the Master was frozen for more than ${longest} s`)
    assert.deepEqual(await standing(), before)
  })
}

let number = 0
const raw = (): Promise<Socket> =>
  provenRaw(port, { incarnation: `rogue-${++number}`, role: 'client', key, cluster: '' })

async function client(): Promise<Link> {
  const identity = { cluster: '', incarnation: `client-${++number}` }
  return dial({ host: '127.0.0.1', port, identity, role: 'client', tls: undefined, key })
}

const ended = (socket: Socket): Promise<unknown> => waitUntil('the link to be cut', () => socket.destroyed)

const MOST = limits.clientMessageBytes
const junk: Record<string, () => Buffer> = {
  'commas and line breaks': () => Buffer.from(`[x${',\n'.repeat(MOST / 2 - 2)}]`),
  zeros: () => Buffer.from(`[${'0,'.repeat(MOST / 2 - 2)}0]`),
  'zeros, one in a line': () => Buffer.from(`[${'0,\n'.repeat(MOST / 3 - 2)}0]`),
  'empty lists': () => Buffer.from(`["\\u0041",${'[],'.repeat(MOST / 3 - 8)}0]`),
  'deep nesting': () => Buffer.from('['.repeat(MOST / 2 - 1) + ']'.repeat(MOST / 2 - 1)),
  'ten thousand keys': () =>
    Buffer.from(`[{${Array.from({ length: 40_000 }, (_, n) => `"k${n}":0`).join(',')}}]`),
}
for (const [name, body] of Object.entries(junk)) {
  attack(`a frame of ${name} cuts its link`, async () => {
    const sockets = await Promise.all(Array.from({ length: 3 }, raw))
    for (const socket of sockets) socket.write(encodeFrame(frameKind.envelopes, body()))
    await Promise.all(sockets.map(ended))
    return () => {}
  })
}

attack('a frame over the limit of a client cuts its link before its body has come', async () => {
  const socket = await raw()
  const frame = encodeFrame(frameKind.envelopes, Buffer.alloc(16 * 1024 * 1024, '0'))
  socket.write(frame.subarray(0, 5))
  await ended(socket)
  return () => {}
})

const envelope = (message: Message, id: number) => ({
  from: '/user/ClientEndpoint',
  to: '/user/Master',
  message,
  id,
  trace: id,
  epoch: 0,
})

attack('twenty links with messages as large as they may be, which a schema refuses', async () => {
  const links = await Promise.all(Array.from({ length: 20 }, client))
  for (const link of links) link.setReceiver(new Inbox())
  const execIds = new Array<number>(30_000).fill(-1)
  const large = { type: 'KillExecutors', appId: 'a', request: 1, execIds, more: 'x'.repeat(300_000) }
  for (let id = 1; id <= 10; id++) for (const link of links) link.send(envelope(large, id))
  const answered = await Promise.all(
    links.map(async (link) => {
      const inbox = new Inbox()
      link.setReceiver(inbox)
      link.send({ ...envelope({ type: 'NoSuchThing' }, 11), ask: 'last' })
      const found = (): unknown =>
        inbox.envelopes.find((each) => (each as { answer?: string }).answer === 'last')
      return JSON.stringify(await waitUntil('an answer behind the flood', found))
    }),
  )
  assert.ok(answered.every((text) => text.includes('FIRESTEEL_REQUEST_INVALID')))
  return () => {
    for (const link of links) link.close()
  }
})

/** The name of the cluster, which nodes and Workers must say. */
async function clusterName(): Promise<string> {
  const known = await client()
  known.close()
  return known.peer.cluster
}

interface Rogue {
  readonly link: Link
  readonly inbox: Inbox
}

/** Links of peers that are no clients. */
async function rogues(
  incarnations: readonly string[],
  as: Pick<DialOptions, 'role' | 'key' | 'subject'>,
): Promise<Rogue[]> {
  const name = await clusterName()
  return Promise.all(
    incarnations.map(async (incarnation) => {
      const identity = { cluster: name, incarnation }
      const link = await dial({ host: '127.0.0.1', port, identity, tls: undefined, ...as })
      const inbox = new Inbox()
      link.setReceiver(inbox)
      return { link, inbox }
    }),
  )
}

const closeAll = (links: readonly Rogue[]) => () => {
  for (const { link } of links) link.close()
}

const heard = ({ inbox }: Rogue, type: string): number =>
  inbox.envelopes.filter((each) => (each as { message?: Message }).message?.type === type).length

attack('ten links as Masters, which give as many lost writes as messages may have', async () => {
  const key = deriveKey(cluster.secret, 'node')
  const names = Array.from({ length: 10 }, (_, n) => `m9-${n}`)
  const masters = await rogues(names, { role: 'node', subject: MASTER_SUBJECT, key })
  for (const master of masters)
    await waitUntil('the leader to ask for lost writes', () => heard(master, 'RequestLostTail') === 1)
  const messages = 10
  for (let n = 1; n <= messages; n++)
    for (const [of, { link }] of masters.entries()) link.send(envelope(lostTailFlood(`${of}-${n}`), n))
  // For each message that the leader has taken, it asks for one more.
  for (const master of masters)
    await waitUntil('all to be taken', () => heard(master, 'RequestLostTail') === 1 + messages)
  assert.ok(masters.every(({ link }) => link.isOpen))
  const { drivers } = await cluster.status()
  assert.deepEqual(drivers, [], 'what no store has forgotten is not taken')
  // The rest was: a driver that has ended under another content has this key.
  const job = join(cluster.directory, 'job.mjs')
  await writeFile(job, '')
  const reused = await cluster.cli(['submit', '--key', '9-10-0', job])
  assert.match(reused.stderr, /KEY_REUSED/)
  // After the last message none is taken.
  const [one] = masters
  one!.link.send(envelope(lostTailFlood('10-1', true), 11))
  await waitUntil('the last to be taken', () => heard(one!, 'TailTaken') === 1)
  for (let n = 2; n <= messages; n++) one!.link.send(envelope(lostTailFlood(`10-${n}`), 11 + n))
  one!.link.send(envelope({ type: 'LeaderPulse', workers: 0, workersHeard: 0 } as Message, 99))
  await waitUntil('an answer behind them', () => heard(one!, 'StaleEpoch') === 1)
  assert.equal(heard(one!, 'RequestLostTail'), 1 + messages)
  return closeAll(masters)
})

/** A port that takes connections and says nothing, so that no dial there is ever refused. */
async function mutePort(): Promise<{ readonly port: number; readonly close: () => void }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { port: (server.address() as AddressInfo).port, close }
}

attack(
  'ten links as Masters, which hear more Workers than there are, and Workers that nobody hears',
  async () => {
    const key = deriveKey(cluster.secret, 'node')
    const [names, fakes] = [10, 5].map((many) => Array.from({ length: many }, (_, n) => `m8-${many}${n}`))
    const masters = await rogues(names!, { role: 'node', subject: MASTER_SUBJECT, key })
    const workers = await rogues(fakes!, { role: 'node', key })
    const ports = await Promise.all(fakes!.map(mutePort))
    for (const [n, { link }] of workers.entries()) {
      const offer = { ...workerOffer, host: '127.0.0.1', port: ports[n]!.port, cores: 1, memoryMib: 1 }
      const [id, name] = [fakes![n]!, `w8-${n}`]
      link.send(envelope({ type: 'RegisterWorker', ...offer, id, name } as Message, 1))
    }
    for (const worker of workers)
      await waitUntil('it to be registered', () => heard(worker, 'RegisteredWorker') === 1)
    closeAll(workers)()
    const proof = '0'.repeat(64)
    const pulse = { type: 'StandbyPulse', workersHeard: 1e9, hostsHeard: 1e9, storeReachable: true, proof }
    for (const { link } of masters)
      link.send(envelope({ type: 'MasterInStandby', masters: [] } as Message, 1))
    // It would hand over after two leases, and wait two seconds for a successor. It looks thrice in a lease.
    const looks = 15
    const before = masters.map((master) => heard(master, 'LeaderPulse'))
    await waitUntil('the leader to look that often', () => {
      for (const { link } of masters) link.send(envelope(pulse as Message, 2))
      return masters.every((master, n) => heard(master, 'LeaderPulse') >= before[n]! + looks)
    })
    for (const { close } of ports) close()
    return closeAll(masters)
  },
)

attack('the token of a Worker: twenty links with what it may send, and what it may not', async () => {
  const made = await cluster.cli(['token', 'create', '--role', 'worker', '--name', 'w9', '--json'])
  const { id, key } = readToken((JSON.parse(made.stdout) as { token: string }).token)!
  const names = Array.from({ length: 20 }, (_, n) => `w9-${n}`)
  const as = { role: 'worker', subject: id, key: joinKey(key.toString('base64url'), id) } as const
  const workers = await rogues(names, as)
  const report = (workerId: string): Message[] => {
    const at = { epoch: 1, seq: 1, owner: 'nobody' }
    const part = { resources: {}, cores: 1, memoryMib: 1, launchedAt: at, state: 'RUNNING', attempt: 1 }
    const drivers = Array.from({ length: 500 }, (_, n) => ({
      driverId: `driver-${n}`,
      generation: 1,
      ...part,
    }))
    const offer = { ...workerOffer, host: '192.0.2.1', port: 9999, cores: 1, memoryMib: 1 }
    return [
      { type: 'RegisterWorker', ...offer, id: workerId, name: 'w9' } as Message,
      { type: 'WorkerLatestState', id: workerId, executors: [], drivers } as Message,
      { type: 'PositionSeen', position: { epoch: 1e9, seq: 1 }, owner: workerId } as Message,
      { type: 'StaleEpoch', epoch: 1e9, owner: workerId } as Message,
      lostTailFlood('w9'),
      { type: 'StandbyPulse', workersHeard: 1e9, storeReachable: true } as Message,
      { type: 'HandOver' },
      { type: 'RequestMasterState' },
      { type: 'Heartbeat', workerId, sentAtMs: 0 } as Message,
    ]
  }
  let ids = 0
  const rounds = 10
  for (let round = 0; round < rounds; round++)
    for (const [n, { link }] of workers.entries())
      for (const message of report(names[n]!)) link.send(envelope(message, ++ids))
  const beats = (worker: Rogue): number => heard(worker, 'HeartbeatAck') + heard(worker, 'ReconnectWorker')
  await waitUntil('an answer behind the flood', () =>
    workers.every((worker) => !worker.link.isOpen || beats(worker) >= rounds),
  )
  const { workers: known } = await cluster.status()
  const others = known.filter(({ name }) => name !== 'w1' && !name.startsWith('w8-'))
  assert.deepEqual(
    others.filter(({ name }) => name !== 'w9'),
    [],
    'it is no other Worker',
  )
  return closeAll(workers)
})

attack('twenty links with a thousand questions each, of which nobody reads the answers', async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, raw))
  for (const socket of sockets) {
    socket.pause()
    const lines = Array.from({ length: 1000 }, (_, id) =>
      JSON.stringify({
        ...envelope({ type: id % 2 ? 'RequestMasterState' : 'RequestTrace' }, id),
        ask: `q${id}`,
        askMs: 10_000,
      }),
    )
    for (let at = 0; at < lines.length; at += 200) {
      socket.write(
        encodeFrame(frameKind.envelopes, Buffer.from(`[${lines.slice(at, at + 200).join(',\n')}]`)),
      )
    }
  }
  return () => {
    for (const socket of sockets) socket.destroy()
  }
})

const silent: LinkReceiver = { envelope() {}, payload() {}, drain() {}, closed() {} }

attack('forty links that put a question for each answer keep nobody else out', async () => {
  const links = await Promise.all(Array.from({ length: 40 }, client))
  let isOver = false
  for (const link of links) {
    let id = 0
    const ask = (): void => {
      if (!isOver)
        link.send({ ...envelope({ type: 'RequestMasterState' }, ++id), ask: `q${id}`, askMs: 10_000 })
    }
    link.setReceiver({ ...silent, envelope: ask })
    for (let n = 0; n < 2 * limits.questionsWaitingEach; n++) ask()
  }
  const honest = await client()
  const answers: string[] = []
  for (let n = 0; n < 20; n++) {
    const inbox = new Inbox()
    honest.setReceiver(inbox)
    honest.send({ ...envelope({ type: 'RequestMasterState' }, n), ask: `${n}`, askMs: 10_000 })
    const found = (): unknown =>
      inbox.envelopes.find((each) => (each as { answer?: string }).answer === `${n}`)
    const { message } = (await waitUntil('an answer beside the flood', found)) as { message: Message }
    answers.push(message.type)
  }
  assert.deepEqual(answers, new Array(20).fill('MasterStateResponse'))
  return () => {
    isOver = true
    for (const link of [...links, honest]) link.close()
  }
})

attack('idle connections that prove nothing, more than an address may have', async () => {
  const idle = await Promise.all(
    Array.from({ length: 3 * limits.openHandshakesPerAddress }, () => rawSocket(port)),
  )
  await waitUntil('a legal client to get in', async () => {
    const link = await client().catch(() => undefined)
    link?.close()
    return link !== undefined
  })
  return () => {
    for (const socket of idle) socket.destroy()
  }
})

attack('strangers that connect and leave, two thousand times', async () => {
  for (let round = 0; round < 40; round++) {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => rawSocket(port)))
    for (const socket of sockets) socket.destroy()
  }
  return () => {}
})

attack('frames that are held open, of more bytes together than all of them may have', async () => {
  const each = MOST - 1000
  const sockets: Socket[] = []
  const frame = encodeFrame(frameKind.envelopes, Buffer.alloc(MOST, ' '))
  while ((sockets.length - 1) * each < limits.clientFrameBytes) {
    const socket = await raw()
    socket.write(frame.subarray(0, each))
    sockets.push(socket)
  }
  await waitUntil('the oldest to be cut', () => sockets.some(({ destroyed }) => destroyed))
  assert.ok(sockets.at(-1)?.destroyed === false)
  return () => {
    for (const socket of sockets) socket.destroy()
  }
})
