import { randomBytes } from 'node:crypto'
import { monarchy } from '../../actors/election/monarchy.js'
import type { MasterConfig } from '../../actors/master/books.js'
import { masterRoutes } from '../../actors/master/json.js'
import { type MasterActorMessage, type MasterShell, master } from '../../actors/master/master.js'
import { recordViolations } from '../../actors/master/records.js'
import { type MasterMessage, nodeOnly, violation } from '../../actors/messages/catalogue.js'
import type { AgentMessage } from '../../actors/messages/election.js'
import { systemClock } from '../clock.js'
import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import type { Log } from '../observe/log.js'
import { BlackHoleEngine } from '../persistence/black-hole.js'
import type { PersistenceEngine } from '../persistence/engine.js'
import { FileSystemEngine } from '../persistence/file-system/file-system-engine.js'
import type { Ref } from '../system/ref.js'
import { DialError, dial } from '../transport/dial.js'
import { deriveKey } from '../transport/keys.js'
import { NodeFrame } from './node-frame.js'
import type { MasterSpec, NodeEvent, RunningNode, StartNode } from './node-spec.js'

const WORKER = '/user/Worker'
const CLIENT = '/user/ClientEndpoint'

/** Starts a Master node in this process: its actors, ports and store. Rejects with a coded error. */
export const startMasterNode: StartNode<MasterSpec> = async (spec, tell) => {
  const node = new MasterNode(spec, tell)
  await node.start()
  return node
}

class MasterNode implements RunningNode {
  readonly failed: Promise<never>
  readonly #spec: MasterSpec
  readonly #tell: (event: NodeEvent) => void
  readonly #frame: NodeFrame<MasterMessage>
  #engine: PersistenceEngine | undefined
  #shell: MasterShell | undefined
  #agent: Ref<AgentMessage> | undefined
  #resigned: () => void = () => {}
  #stopping = false

  constructor(spec: MasterSpec, tell: (event: NodeEvent) => void) {
    this.#spec = spec
    this.#tell = tell
    this.#frame = new NodeFrame<MasterMessage>(spec, {
      violation: (message) => violation('master', message),
      admit: ({ role }, type) => role === 'node' || !nodeOnly.has(type),
      remotePath: ({ role }) => (role === 'node' ? WORKER : CLIENT),
      admitsDrivers: true,
      position: () => this.#shell?.position,
    })
    this.failed = this.#frame.failed
  }

  async start(): Promise<void> {
    try {
      this.#engine = openEngine(this.#spec, this.#frame.log)
      const address = await this.#frame.listen()
      const web = await this.#frame.serveHttp(masterRoutes(() => this.#state(), systemClock.wallMs))
      this.#spawn(this.#engine, this.#masterConfig(address, web))
      this.#tell({ event: 'listening', ...this.#frame.opened(address, web) })
    } catch (error) {
      await this.#release()
      throw error
    }
  }

  /** Lets nobody in, empties the lane, leaves, closes: the next one need not wait (protocol 13). */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    await this.#frame.closeDoor()
    await this.#shell?.drained()
    if (this.#agent) {
      const resigned = new Promise<void>((resolve) => {
        this.#resigned = resolve
      })
      this.#frame.system.tell(this.#agent, { type: 'ResignLeadership' })
      await resigned
    }
    await this.#release()
  }

  async #release(): Promise<void> {
    await this.#frame.close('the Master stops')
    await this.#engine?.close()
  }

  #state() {
    if (!this.#shell) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
    return this.#shell.snapshot()
  }

  #masterConfig(address: string, web: string): MasterConfig {
    const { cluster, scheduling } = this.#spec
    return {
      cluster,
      address,
      web,
      rest: null,
      masters: [address],
      spreadOut: scheduling.spreadOut,
      defaultCores: scheduling.defaultCores ?? undefined,
      maxExecutorRetries: scheduling.maxExecutorRetries,
      workerTimeoutMs: scheduling.workerTimeoutMs,
      orphanGraceMs: scheduling.orphanGraceMs,
      relaunchOnRefused: scheduling.relaunchOnRefused,
      applicationTimeoutMs: limits.applicationTimeoutMs,
      applicationGraceMs: limits.applicationGraceMs,
      recoveryQuietMs: limits.recoveryQuietMs,
      recoveryMaxMs: limits.recoveryMaxMs,
      guardMarginMs: limits.guardMarginMs,
      adoptGraceMs: limits.adoptGraceMs,
      executorIdBlock: limits.executorIdBlock,
      retainedEnded: limits.retainedEnded,
      retainedKeys: limits.retainedKeys,
      keyRetentionMs: limits.keyRetentionMs,
    }
  }

  #spawn(engine: PersistenceEngine, config: MasterConfig): void {
    const { system, gateway, log, incarnation } = this.#frame
    const newMark = () => randomBytes(9).toString('base64url')
    const behavior = master(
      {
        gateway,
        engine,
        config,
        clock: systemClock,
        log,
        newMark,
        agent: () => this.#agent,
        probe: (host, port) => this.#probe(host, port),
        onElected: (epoch) => this.#tell({ event: 'epoch', epoch }),
        onAlive: () => this.#tell({ event: 'ready' }),
        onRevoked: (reason, heardEpoch) => this.#revoked(reason, heardEpoch),
      },
      (shell) => {
        this.#shell = shell
      },
    )
    const ref = system.spawn<MasterActorMessage>('Master', behavior)
    gateway.serve(ref)
    this.#agent = system.spawn(
      'LeaderElectionAgent',
      monarchy({
        master: ref,
        engine,
        owner: incarnation,
        address: config.address,
        leaseMs: this.#spec.leaseMs,
        heardEpoch: this.#spec.heardEpoch ?? 0,
        clock: systemClock,
        random: Math.random,
        newMark,
        log: log.child({ component: 'election' }),
        onHopeless: (error) => this.#frame.fail(error),
        onResigned: () => this.#resigned(),
      }),
    )
  }

  /** Its launcher starts it again, as a fresh STANDBY above the epoch it has heard of. */
  #revoked(reason: string, heardEpoch: number): void {
    if (this.#stopping) return
    this.#tell({ event: 'epoch', epoch: heardEpoch })
    this.#frame.fail(new FiresteelError('NOT_LEADER', `the leadership was revoked: ${reason}`))
  }

  /** True only where the kernel refuses: silence or a handshake that fails proves nothing (protocol 9). */
  async #probe(host: string, port: number): Promise<boolean> {
    const { cluster, secret } = this.#spec
    try {
      const link = await dial({
        host,
        port,
        identity: { cluster, incarnation: `${this.#frame.incarnation}-probe` },
        role: 'node',
        key: deriveKey(secret, 'node'),
      })
      link.close('a probe')
      return false
    } catch (error) {
      return error instanceof DialError && error.refused
    }
  }
}

function openEngine({ recovery, cluster }: MasterSpec, log: Log): PersistenceEngine {
  switch (recovery.mode) {
    case 'NONE':
      return new BlackHoleEngine(() => systemClock.wallMs())
    case 'FILESYSTEM':
      return new FileSystemEngine({
        directory: recovery.directory,
        cluster,
        schemas: recordViolations,
        nowMs: () => systemClock.wallMs(),
        onWarning: (place, reason) => log.warn('STORE_UNREADABLE: set aside', { place, reason }),
      })
    case 'REDIS':
    case 'CUSTOM':
      throw new FiresteelError(
        'CONFIG_CONFLICT',
        `recovery.mode ${recovery.mode} is not in this release; NONE and FILESYSTEM are.`,
      )
  }
}
