import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { type AuditEntry, auditOf, auditOfSecret } from '../../../actors/master/audit.js'
import { fixedMasterConfig, type MasterConfig } from '../../../actors/master/master-config.js'
import type { MasterEvent } from '../../../actors/master/master-event.js'
import { MasterHost, type MasterHostOptions } from '../../../actors/master/master-host.js'
import type { MasterRecovery } from '../../../actors/master/master-recovery.js'
import { isPeerMaster } from '../../../actors/master/peer-masters.js'
import type { FlightRecorder } from '../../../actors/master/replay/flight-recorder.js'
import { isAdmitted } from '../../../actors/master/routes.js'
import { UsageHistory } from '../../../actors/master/usage-history.js'
import { isWorker } from '../../../actors/master/worker-peer.js'
import { checked, isQuestion, type MasterMessage } from '../../../actors/messages/catalogue.js'
import { systemClock } from '../../clock.js'
import { machineSeal } from '../../code/machine-seal.js'
import { errorOf, FiresteelError } from '../../errors.js'
import { recordBudgetBytes } from '../../heap.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { webOrigin } from '../../pages/page-headers.js'
import { newStoreRoundTrips, type StoreRoundTrips, timedEngine } from '../../persistence/timed-engine.js'
import { fewDescriptors } from '../../process/descriptor-budget.js'
import type { NodeSpans } from '../../telemetry/node-spans.js'
import { systemTimers, within } from '../../timers.js'
import { dial } from '../../transport/dial.js'
import { deriveKey } from '../../transport/keys.js'
import { errorRecord } from '../cli/error-record.js'
import { masterSecrets } from './node-secrets.js'
import { NodeServer } from './node-server.js'
import type { MasterSpec, NodeEvent, NodeOrder, RunningNode, StartNode } from './node-spec.js'
import { openRecovery } from './open-recovery.js'

const MASTER = '/user/Master'
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
  readonly #server: NodeServer<MasterMessage>
  /** Addresses that arrive before the MasterHost exists. */
  readonly #early: string[] = []
  readonly #roundTrips = newStoreRoundTrips()
  #spans: NodeSpans | undefined
  #recovery: MasterRecovery | undefined
  #masterHost: MasterHost | undefined
  #recorder: FlightRecorder | undefined
  readonly #usage = new UsageHistory()
  #usageTimer: NodeJS.Timeout | undefined
  #warmUpTimer: NodeJS.Timeout | undefined
  /** The highest one that this Master led or knew of. */
  #epoch: number
  #stopping: Promise<void> | undefined

  constructor(spec: MasterSpec, tell: (event: NodeEvent) => void) {
    this.#spec = spec
    this.#tell = tell
    this.#epoch = spec.observedEpoch ?? 0
    this.#server = new NodeServer<MasterMessage>(spec, {
      check: (message) => checked('master', message),
      isQuestion: (type) => isQuestion('master', type),
      admit: ({ role }, type) => isAdmitted(role, type),
      remotePath: (peer) => (isPeerMaster(peer) ? MASTER : isWorker(peer) ? WORKER : CLIENT),
      isMaster: true,
      isOver: (peer) =>
        this.#masterHost?.leads ? this.#masterHost.isOver(peer) : this.#server.tokens.refuses(peer.subject),
      position: () => this.#masterHost?.current?.shell.position,
      epoch: () => this.#epoch,
    })
    this.failed = this.#server.failed
  }

  async start(): Promise<void> {
    try {
      const few = fewDescriptors()
      if (few)
        this.#server.log.warn('DESCRIPTORS_TOO_FEW: more nodes or clients than this are turned away', few)
      this.#recovery = timed(await openRecovery(this.#spec, this.#server.log), this.#roundTrips)
      this.#spans = await this.#server.openTracing()
      const address = await this.#server.listen()
      const web = await this.#server.serveHttp(
        () => this.#routes(),
        () => this.#metrics(),
        () => this.#webs(),
      )
      this.#recorder = await this.#openRecorder()
      const masterHost = this.#makeMasterHost(this.#recovery, address, web)
      this.#masterHost = masterHost
      masterHost.begin()
      this.#tell({ event: 'listening', ...this.#server.opened(address, web) })
      masterHost.join()
      const look = (): void => this.#usage.add(masterHost.usage(), systemClock.wallMs())
      this.#usageTimer = setInterval(look, innerLimits.usageEveryMs).unref()
    } catch (error) {
      await within(this.#release(), limits.nodeEndMs)
      throw error
    }
  }

  async #openRecorder(): Promise<FlightRecorder | undefined> {
    const { recording, cluster, name } = this.#spec
    if (!recording) return undefined
    const { openRecorder } = await import('./open-recorder.js')
    const folder = join(recording.directory, `${cluster}-${name}`)
    return openRecorder(folder, recording.maxMib, this.#server.log)
  }

  async #routes(): Promise<Hono> {
    const { masterWeb } = await import('./master-web.js')
    const { health, log, webPort, tls } = this.#server
    const host = () => this.#masterHostNow()
    const { sessions } = this.#server
    return masterWeb({
      spec: this.#spec,
      webPort,
      tls,
      host,
      sessions,
      usage: this.#usage,
      health,
      log,
      onSession: (from, session) => this.#server.sessionBegan(from, session),
    })
  }

  /** Where the pages of all Masters are. */
  #webs(): string[] {
    return this.#masterHost?.head().masters.flatMap(({ web }) => webOrigin(web) ?? []) ?? []
  }

  async #metrics() {
    const { masterMetricsSource } = await import('../../../actors/master/metrics-source.js')
    return masterMetricsSource({
      metrics: () => this.#masterHostNow().metrics,
      roundTrips: this.#roundTrips,
      gauges: () => this.#masterHostNow().gauges(),
    })
  }

  observed(order: NodeOrder): void {
    if (order.order !== 'masters') return
    const { addresses, gone = [] } = order
    this.#masterHost?.forget(gone)
    if (this.#masterHost) this.#masterHost.learn(addresses)
    else this.#early.push(...addresses)
  }

  reload(): void {
    void this.#server.tls?.reload()
  }

  abandon(reason: unknown): Promise<void> {
    return this.#server.abandon(reason)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopInOrder()
    return this.#stopping
  }

  async #stopInOrder(): Promise<void> {
    const closed = this.#server.stopAccepting()
    await this.#masterHost?.stop()
    await closed
    await this.#release()
  }

  async #release(): Promise<void> {
    clearTimeout(this.#warmUpTimer)
    clearInterval(this.#usageTimer)
    this.#masterHost?.close()
    await this.#server.close('the Master stops')
    await this.#recorder?.close()
    await this.#recovery?.close()
  }

  #masterHostNow(): MasterHost {
    if (!this.#masterHost) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
    return this.#masterHost
  }

  #makeMasterHost(recovery: MasterRecovery, address: string, web: string | null): MasterHost {
    const { secret, masters, observedEpoch = 0 } = this.#spec
    const config = this.#masterConfig(web)
    const recorder = this.#recorder
    return new MasterHost({
      node: this.#server,
      recovery,
      address,
      masters: [...masters, ...this.#early],
      observed: { epoch: observedEpoch, seq: 0 },
      config,
      key: deriveKey(secret, 'node'),
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      newWriteId: () => randomBytes(9).toString('base64url'),
      dialWith: dial,
      listener: (event) => this.#observed(event, { ...config, address, masters }),
      spans: this.#spans,
      secrets: masterSecrets(secret),
      onDecided: this.#server.audit && ((...of) => this.#audit(auditOf(...of))),
      onSecretAnswer: this.#server.audit && ((...of) => this.#audit(auditOfSecret(...of))),
      ...(web !== null && {
        pageTicket: (subject?: string) => ({
          type: 'PageTicket' as const,
          web,
          ...this.#server.sessions.ownTicket(subject),
        }),
      }),
      ...(recorder && { newCore: (...of) => recorder.newCore(...of) }),
    })
  }

  #audit(entry: AuditEntry | undefined): void {
    if (!entry) return
    if (entry.outcome === 'done') this.#server.audit?.done({ ...entry })
    else this.#server.audit?.refused(`${entry.from}:${entry.who}:${entry.request}`, { ...entry })
  }

  /** What its launcher must know. A STANDBY that knows the leader also warms up. */
  #observed(event: MasterEvent, config: MasterConfig): void {
    switch (event.event) {
      case 'elected':
        this.#epoch = Math.max(this.#epoch, event.epoch)
        // Now it knows by itself, and later another leader will tell it.
        this.#server.tokens.told(undefined)
        this.#tell({ event: 'epoch', epoch: event.epoch, leads: true })
        break
      case 'leaderObserved':
        this.#epoch = Math.max(this.#epoch, event.epoch)
        this.#tell({ event: 'epoch', epoch: event.epoch, leads: false })
        this.#tell({ event: 'ready' })
        // As ready as it can be, but for what it does for the first time.
        this.#warmUpTimer ??= setTimeout(() => void this.#warmUp(config), limits.warmUpMs).unref()
        break
      case 'alive':
        this.#tell({ event: 'ready' })
        break
      case 'hindered':
        this.#tell({ event: 'hindered', error: event.problem && errorRecord(errorOf(event.problem)) })
        break
      case 'tokensInForce':
        this.#server.tokens.told(event.ids)
        break
      case 'leaderGone':
      case 'mastersObserved':
      case 'revoked':
      case 'succeeded':
      case 'unrecoverable':
        // Its host has acted.
        break
    }
  }

  async #warmUp(config: MasterConfig): Promise<void> {
    try {
      await this.#recovery?.warmUp?.()
      const { warmUp } = await import('../../../actors/master/warm-up.js')
      await warmUp(config, () => this.#stopping === undefined && !this.#masterHost?.leads)
    } catch (error) {
      this.#server.log.warn('the warm-up of a recovery failed; the first real one takes a little longer', {
        error,
      })
    }
  }

  #masterConfig(web: string | null): MasterHostOptions['config'] {
    const { cluster, scheduling, leaseMs } = this.#spec
    return {
      cluster,
      web,
      rest: null,
      leaseMs,
      spreadOut: scheduling.spreadOut,
      defaultCores: scheduling.defaultCores ?? undefined,
      maxExecutorRetries: scheduling.maxExecutorRetries,
      workerTimeoutMs: scheduling.workerTimeoutMs,
      orphanGraceMs: scheduling.orphanGraceMs,
      relaunchOnRefused: scheduling.relaunchOnRefused,
      ...fixedMasterConfig,
      place: machineSeal(),
      recordBudgetBytes: recordBudgetBytes(),
    }
  }
}

/** The same recovery, whose store is measured. */
function timed(recovery: MasterRecovery, roundTrips: StoreRoundTrips): MasterRecovery {
  return { ...recovery, engine: timedEngine(recovery.engine, roundTrips, () => systemClock.monotonicMs()) }
}
