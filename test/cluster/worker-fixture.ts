import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { violation, type WorkerMessage } from '../../actors/messages/catalogue.js'
import { WORKER_ACTOR } from '../../actors/worker/worker.js'
import { dial } from '../../runtime/transport/dial.js'
import { newIncarnation } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { type Listener, listen } from '../../runtime/transport/listen.js'
import { waitUntil } from '../harness/wait-until.js'
import type { Told } from '../tools/worker-fixture.js'
import { cluster, secret } from '../tools/worker-node.js'

export { secret, startWorkerNode } from '../tools/worker-node.js'

/** What a Worker meets that is no Worker: leads, answers, acknowledges, and remembers all that it heard. */
export class FakeMaster {
  readonly incarnation = newIncarnation('m1')
  readonly received: Told[] = []
  readonly links = new Map<string, Link>()
  epoch = 1
  /** What it tells Workers to live by; undefined: it is of a release that tells nothing. */
  workerTimeoutMs: number | undefined
  /** False: no heartbeat is answered. */
  answers = true
  #seq = 0
  readonly #rejected: string[] = []
  readonly #launches = new Map<string, Extract<WorkerMessage, { type: 'LaunchDriver' }>>()
  #listener!: Listener

  static async start(): Promise<FakeMaster> {
    const master = new FakeMaster()
    master.#listener = await listen({
      host: '127.0.0.1',
      port: 0,
      identity: { cluster, incarnation: master.incarnation },
      keyFor: (role) => (role === 'node' ? deriveKey(secret, 'node') : undefined),
      onLink: (link) => master.#linked(link),
      onRejected: ({ code, detail }) => master.#rejected.push(`${code} ${detail}`),
    })
    return master
  }

  get address(): string {
    return `firesteel://127.0.0.1:${this.#listener.port}`
  }

  tell(to: string, message: WorkerMessage): void {
    const why = violation('worker', message)
    if (why !== undefined) throw new Error(why)
    if (message.type === 'LaunchDriver') this.#launches.set(message.driverId, message)
    const seq = ++this.#seq
    const envelope = { from: '/user/Master', to: `/user/${WORKER_ACTOR}`, message, id: seq, trace: seq }
    this.links.get(to)?.send({ ...envelope, epoch: this.epoch, seq })
  }

  all<T extends Told['type']>(type: T): Extract<Told, { type: T }>[] {
    return this.received.filter((message): message is Extract<Told, { type: T }> => message.type === type)
  }

  registered(): Promise<Extract<Told, { type: 'WorkerLatestState' | 'WorkerSchedulerStateResponse' }>> {
    return waitUntil('a registered Worker', () => {
      // Registered by the one link, its report may come by the next.
      const [state] = [...this.all('WorkerLatestState'), ...this.all('WorkerSchedulerStateResponse')]
      if (state) return state
      const received = this.received.map(({ type }) => type).join(', ')
      throw new Error(
        `${this.links.size} links; heard: ${received || 'nothing'}; refused: ${this.#rejected.join(', ')}`,
      )
    })
  }

  driverEnd(driverId: string): Promise<Extract<Told, { type: 'DriverStateChanged' }>> {
    return waitUntil(`the end of ${driverId}`, () =>
      this.all('DriverStateChanged').find((change) => change.driverId === driverId),
    )
  }

  async close(): Promise<void> {
    for (const link of this.links.values()) link.close()
    await this.#listener.close()
  }

  #linked(link: Link): void {
    const { incarnation } = link.peer
    // R3, as a Master: of two that cross, the one that came last stays, and the Worker dials again.
    this.links.get(incarnation)?.replace('a newer link')
    this.links.set(incarnation, link)
    link.setReceiver({
      envelope: (raw) => this.#hear(incarnation, (raw as { message: Told }).message),
      payload: () => {},
      drain: () => {},
      closed: () => {
        if (this.links.get(incarnation) === link) this.links.delete(incarnation)
      },
    })
    this.tell(incarnation, {
      type: 'MasterChanged',
      master: this.address,
      web: null,
      masters: [this.address],
    })
  }

  #hear(from: string, message: Told): void {
    const why = violation('master', message)
    if (why !== undefined) throw new Error(why)
    this.received.push(message)
    if (message.type === 'RegisterWorker') {
      this.tell(from, { type: 'RegisteredWorker', workerId: from, duplicate: false })
    } else if (message.type === 'WorkerSchedulerStateResponse') {
      // R3: what was told on a link that then ended may not have arrived.
      const has = new Set(message.drivers.map(({ driverId }) => driverId))
      for (const [id, launch] of this.#launches) if (!has.has(id)) this.tell(from, launch)
    } else if (message.type === 'Heartbeat') {
      if (!this.answers) return
      const { sentAtMs, restartMs } = message
      const noted = restartMs !== undefined && { restarting: true as const }
      const { workerTimeoutMs } = this
      const told = workerTimeoutMs !== undefined && { workerTimeoutMs }
      this.tell(from, { type: 'HeartbeatAck', workerId: from, sentAtMs, ...told, ...noted })
    } else if ('change' in message) {
      if (message.type === 'DriverStateChanged') this.#launches.delete(message.driverId)
      this.tell(from, { type: 'ChangesAcknowledged', workerId: from, changes: [message.change] })
    }
  }
}

/** A peer with the client's key that dials a Worker. */
export async function dialAsClient(port: number): Promise<{
  ask(message: WorkerMessage): void
  readonly received: { message: Record<string, unknown> }[]
  readonly link: Link
}> {
  const received: { message: Record<string, unknown> }[] = []
  const identity = { cluster, incarnation: newIncarnation('client') }
  const link = await dial({
    host: '127.0.0.1',
    port,
    identity,
    role: 'client',
    tls: undefined,
    key: deriveKey(secret, 'client'),
  })
  link.setReceiver({
    envelope: (raw) => void received.push(raw as { message: Record<string, unknown> }),
    payload: () => {},
    drain: () => {},
    closed: () => {},
  })
  let id = 0
  const ask = (message: WorkerMessage): void => {
    id++
    const ids = { id, trace: id, epoch: 0 }
    link.send({ from: '/user/Client', to: `/user/${WORKER_ACTOR}`, message, ...ids })
  }
  return { ask, received, link }
}

/** A temporary folder with programs for drivers in it. */
export class Workshop {
  readonly root: string
  private constructor(root: string) {
    this.root = root
  }

  static async make(): Promise<Workshop> {
    return new Workshop(await mkdtemp(join(tmpdir(), 'firesteel-worker-')))
  }

  get workDir(): string {
    return join(this.root, 'work')
  }

  path(name: string): string {
    return join(this.root, name)
  }

  async program(name: string, text: string): Promise<string> {
    await writeFile(this.path(name), text)
    return this.path(name)
  }

  read(name: string): Promise<string> {
    return readFile(this.path(name), 'utf8').catch(() => '')
  }

  async pids(name: string): Promise<number[]> {
    return (await this.read(name)).split('\n').filter(Boolean).map(Number)
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true })
  }
}
