import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TlsFiles } from '../../runtime/tls/material.js'
import { TlsSource } from '../../runtime/tls/tls-source.js'
import { dial } from '../../runtime/transport/dial.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { listen } from '../../runtime/transport/listen.js'
import * as z from '../../runtime/zod.js'
import { TestAuthority } from '../tools/test-authority.js'
import { median } from './contender.js'

const MESSAGES = 600_000
const WARM_UP = 100_000
const PER_TURN = 500
const KEY = deriveKey('a secret of the benchmark only, long enough', 'node')

/** Validation as in the product: one strict schema per type, in a Map. Small here. */
const schemas = new Map<string, z.ZodType>([
  [
    'Heartbeat',
    z.strictObject({
      type: z.literal('Heartbeat'),
      workerId: z.string(),
      coresUsed: z.number().int(),
      memoryMibUsed: z.number().int(),
      seq: z.number().int(),
    }),
  ],
])

interface Envelope {
  readonly id: number
  readonly to: string
  readonly from: string
  readonly epoch: number
  readonly message: { readonly type: string; readonly seq: number }
}

const envelope = (seq: number): object => ({
  id: seq,
  to: 'firesteel://demo@127.0.0.1:7070/user/Master',
  from: 'worker-1-00c5d1f27a9b4e63',
  epoch: 12,
  message: {
    type: 'Heartbeat',
    workerId: 'worker-1-00c5d1f27a9b4e63',
    coresUsed: 3,
    memoryMibUsed: 2048,
    seq,
  },
})

/** The receiving process parses, validates by type and counts. It answers when all have come. */
async function receive(files: TlsFiles | undefined): Promise<void> {
  const tls = files && new TlsSource({ files, use: { isNode: true } })
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'bench', incarnation: 'receiver' },
    keyFor: () => KEY,
    tls,
    onLink: (link) => {
      let count = 0
      let invalid = 0
      link.setReceiver({
        envelope: (raw) => {
          const { message } = raw as Envelope
          const schema = schemas.get(message.type)
          if (schema?.safeParse(message).success !== true) invalid++
          count++
          if (count === WARM_UP || count === WARM_UP + MESSAGES) link.send({ count, invalid })
        },
        payload: () => {},
        drain: () => {},
        closed: () => process.exit(0),
      })
    },
  })
  process.send?.({ port: listener.port })
}

/** Sends `count` envelopes as fast as the link accepts them. Resolves when the receiver has answered. */
async function sendAll(link: Link, count: number): Promise<void> {
  let sent = 0
  let open = true
  let pump: () => void = () => {}
  const answered = new Promise<{ invalid: number }>((resolve, reject) => {
    link.setReceiver({
      envelope: (raw) => resolve(raw as { invalid: number }),
      payload: () => {},
      drain: () => {
        open = true
        pump()
      },
      closed: (end) => reject(new Error(`link ended: ${end.kind} ${end.detail}`)),
    })
  })
  pump = () => {
    for (let n = 0; n < PER_TURN && open && sent < count; n++) open = link.send(envelope(sent++))
    if (open && sent < count) setImmediate(pump)
  }
  pump()
  const { invalid } = await answered
  if (invalid > 0) throw new Error(`${invalid} messages did not validate`)
}

/**
 * One-way tells between two processes, from `send` to a validated message. The goal is 400,000 per second.
 */
export async function benchRemoteTell(): Promise<{ name: string; perSecond: number }> {
  return { name: 'remote tell, validated', perSecond: await remoteTellsPerSecond() }
}

const ROUNDS = 5

/**
 * Tells over TLS, as a share of those without, in the same run: they take turns, so that a busy moment of the
 * machine affects both.
 */
export async function benchSecureTell(): Promise<{ plain: number; secure: number }> {
  const authority = await TestAuthority.make()
  try {
    const files = await authority.files('bench')
    const rates: { plain: number[]; secure: number[] } = { plain: [], secure: [] }
    for (let round = 0; round < ROUNDS; round++) {
      rates.plain.push(await remoteTellsPerSecond())
      rates.secure.push(await remoteTellsPerSecond(files))
    }
    return { plain: median(rates.plain), secure: median(rates.secure) }
  } finally {
    authority.remove()
  }
}

async function remoteTellsPerSecond(files?: TlsFiles): Promise<number> {
  const child = fork(fileURLToPath(import.meta.url), ['receive', ...(files ? [JSON.stringify(files)] : [])])
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    const link = await dial({
      host: '127.0.0.1',
      port,
      identity: { cluster: 'bench', incarnation: 'sender' },
      role: 'node',
      key: KEY,
      tls: files && new TlsSource({ files, use: { isNode: true } }),
    })
    await sendAll(link, WARM_UP)
    const startMs = performance.now()
    await sendAll(link, MESSAGES)
    const perSecond = Math.round((MESSAGES / (performance.now() - startMs)) * 1000)
    link.close()
    return perSecond
  } finally {
    child.kill()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === 'receive')
    await receive(process.argv[3] === undefined ? undefined : (JSON.parse(process.argv[3]) as TlsFiles))
  else console.log(JSON.stringify(await benchRemoteTell()))
}
