import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { limits } from '../../../runtime/limits.js'
import type { Message } from '../../../runtime/system/ref.js'
import { dial } from '../../../runtime/transport/dial.js'
import { encodeFrame, frameKind } from '../../../runtime/transport/frame.js'
import { deriveKey } from '../../../runtime/transport/keys.js'
import type { Link, LinkReceiver } from '../../../runtime/transport/link.js'
import { createTestCluster, type TestCluster } from '../../harness/index.js'
import { waitUntil } from '../../harness/wait-until.js'
import { Inbox, provenRaw, rawSocket } from '../../tools/transport-support.js'

/* What a peer without access to the store can do to a Master, with the key of a client or none. */

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

/** The longest gap between two answers of the Master, seen from here. */
function watchLag(): { stop: () => Promise<number> } {
  let longestMs = 0
  let over = false
  const watching = (async () => {
    while (!over) {
      const from = performance.now()
      await fetch(`${web}/healthz`).then((answer) => answer.text())
      longestMs = Math.max(longestMs, performance.now() - from)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  return {
    stop: async () => {
      over = true
      await watching
      return longestMs
    },
  }
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
    const lag = watchLag()
    const end = await run()
    const { workers } = await cluster.status()
    assert.equal(workers[0]?.state, 'ALIVE', 'a legal peer is served meanwhile')
    t.diagnostic(`the longest answer of /healthz took ${Math.round(await lag.stop())} ms`)
    end()
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

attack('ten links with the key of nodes, and messages with as much as they may have', async () => {
  const nodeKey = deriveKey(cluster.secret, 'node')
  const known = await client()
  const name = known.peer.cluster
  known.close()
  const links = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      dial({
        host: '127.0.0.1',
        port,
        identity: { cluster: name, incarnation: `node-${n}` },
        role: 'node',
        tls: undefined,
        key: nodeKey,
      }),
    ),
  )
  // Some 122 bytes each.
  const fitting = Math.floor(limits.nodeMessageBytes / 125)
  const records = Array.from({ length: fitting }, (_, n) => ['key', `key-${n}`, 'x'.repeat(100)])
  for (const link of links) link.setReceiver(new Inbox())
  for (let id = 1; id <= 10; id++) {
    for (const link of links) link.send(envelope({ type: 'LostTail', records, last: false } as Message, id))
  }
  await waitUntil('all to be taken', () => links.every(({ bufferedBytes }) => bufferedBytes === 0))
  assert.ok(links.every(({ isOpen }) => isOpen))
  return () => {
    for (const link of links) link.close()
  }
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
