import type { Hono } from 'hono'
import { checked, isQuestion, type WorkerMessage } from '../../../actors/messages/catalogue.js'
import type { RequestTrace } from '../../../actors/messages/trace.js'
import type { OutputRead } from '../../../actors/worker/pages/log-readers.js'
import { claimFormer, type FormerWorker } from '../../../actors/worker/restart/former-worker.js'
import { startWorker, type Worker } from '../../../actors/worker/worker.js'
import { timesOfTimeout } from '../../../actors/worker/worker-identity.js'
import { systemClock } from '../../clock.js'
import { FiresteelError, isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { createLogger } from '../../observe/logger.js'
import type { RunAs } from '../../process/run-as.js'
import type { NodeSpans } from '../../telemetry/node-spans.js'
import { within } from '../../timers.js'
import { mayAs, roleOf, type TokenRole } from '../../transport/token.js'
import { errorRecord } from '../cli/error-record.js'
import { openAgain } from './former-port.js'
import { NodeServer } from './node-server.js'
import type { NodeEvent, NodeOrder, RunningNode, StartNode, WorkerSpec } from './node-spec.js'

const MASTER = '/user/Master'
const CLIENT = '/user/ClientEndpoint'

/** One reader of one output. Refusals are one kind, whatever was asked for, because anybody may ask. */
const kindOf = ({ from, who, token, about, outcome }: OutputRead): string =>
  `output:${from}:${token ?? who}:${outcome === 'done' ? about : outcome}`

/** What a client may ask of a Worker, and the role that it needs for it. The rest is for Masters. */
const forClients: ReadonlyMap<string, TokenRole> = new Map<
  WorkerMessage['type'] | RequestTrace['type'],
  TokenRole
>([
  ['RequestLog', 'submit'],
  ['StopLog', 'submit'],
  ['RequestTrace', 'observe'],
])

/** Starts a Worker node in this process: its actors, ports and work folder. Rejects with a coded error. */
export const startWorkerNode: StartNode<WorkerSpec> = async (spec, tell) => {
  const { workDirectory, name, cluster, port, web } = spec
  const runAs = spec.runAs === null ? undefined : (await import('./worker-user.js')).prepareUser(spec)
  const log = createLogger({ ...spec.logging, fields: { role: 'worker', node: name } })
  const former = await claimFormer({ workDir: workDirectory, name, cluster, log })
  // Whoever knows its address still finds it there.
  const ports = former && { port: port || former.port, web: web === 0 ? former.webPort : web }
  const node = new WorkerNode({ ...spec, ...ports }, tell, former, runAs)
  await node.start()
  return node
}

class WorkerNode implements RunningNode {
  readonly failed: Promise<never>
  onRestartAsked: (() => void) | undefined
  readonly #spec: WorkerSpec
  readonly #tell: (event: NodeEvent) => void
  readonly #server: NodeServer<WorkerMessage>
  readonly #former: FormerWorker | undefined
  readonly #runAs: RunAs | undefined
  readonly #startedBootMs = systemClock.bootMs()
  #worker: Worker | undefined
  #spans: NodeSpans | undefined
  #saidReady = false
  #drainMs: number | null
  #isDraining = false
  #stopped: Promise<void> | undefined

  constructor(
    spec: WorkerSpec,
    tell: (event: NodeEvent) => void,
    former: FormerWorker | undefined,
    runAs: RunAs | undefined,
  ) {
    this.#spec = spec
    this.#runAs = runAs
    this.#drainMs = spec.drainOnStopMs
    this.#former = former
    this.#tell = tell
    this.#server = new NodeServer<WorkerMessage>(spec, {
      check: (message) => checked('worker', message),
      isQuestion: (type) => isQuestion('worker', type),
      admit: ({ role, subject }, type) => {
        // The Master has this Worker in its cluster state: that is what ready means.
        if (role === 'node' && type === 'RegisteredWorker') this.#ready()
        const needed = role === 'client' ? forClients.get(type) : undefined
        return role === 'node' || (needed !== undefined && mayAs(roleOf(subject), needed))
      },
      remotePath: ({ role }) => (role === 'node' ? MASTER : CLIENT),
      isMaster: false,
      onCodeLink: (link) =>
        this.#worker ? this.#worker.codeLink(link) : link.close('the Worker is starting'),
      position: () => undefined,
      epoch: () => this.#worker?.standing().epoch ?? 0,
      incarnation: former?.incarnation,
    })
    this.failed = this.#server.failed
  }

  async start(): Promise<void> {
    try {
      this.#spans = await this.#server.openTracing()
      const address = await this.#open(() => this.#server.listen())
      const web = await this.#open(() =>
        this.#server.serveHttp(
          () => this.#routes(),
          async () => {
            const { workerMetricsSource } = await import('../../../actors/worker/metrics-source.js')
            return workerMetricsSource(() => this.#workerNow())
          },
        ),
      )
      this.#worker = await this.#startWorker(web)
      this.#tell({ event: 'listening', ...this.#server.opened(address, web) })
    } catch (error) {
      // Nothing may run beside the Worker that this process becomes if it tries again.
      if (!this.#worker) this.#former?.guard.link.destroy()
      await within(this.stop(), limits.nodeEndMs)
      throw error
    }
  }

  /** Until the Masters think that the time is over which the process before has announced. */
  #open<T>(open: () => Promise<T>): Promise<T> {
    const former = this.#former
    if (!former) return open()
    const { restarts, workerTimeoutMs = this.#spec.workerTimeoutMs } = former.core
    const announcedMs = restarts.announcedAtBootMs + timesOfTimeout(workerTimeoutMs).restartMs
    const untilMs = Math.min(announcedMs, this.#startedBootMs + innerLimits.formerPortMs)
    return openAgain(open, {
      leftMs: () => untilMs - systemClock.bootMs(),
      onTaken: (error) => this.#server.log.warn('a port is taken, and this Worker waits for it', { error }),
    })
  }

  async #routes(): Promise<Hono> {
    const { workerRoutes } = await import('../../../actors/worker/json.js')
    const { workerPages } = await import('../../../actors/worker/pages/routes.js')
    const { mayRead, OutputOwners } = await import('./output-owners.js')
    const { cluster, secret, masters: known } = this.#spec
    const { tls } = this.#server
    const owners = new OutputOwners({
      ask: (subject, id) => {
        const masters = [this.#workerNow().status().masterUrl, ...known].filter(Boolean)
        return mayRead({ cluster, secret, tls, masters: [...new Set(masters)], subject }, id)
      },
      wallMs: systemClock.wallMs,
    })
    const data = workerRoutes(() => this.#workerNow().status(), this.#server.health)
    return workerPages({
      take: () => ({ state: this.#workerNow().status(), cluster, findLog: this.#workerNow().findLog }),
      sessions: this.#server.sessions,
      readableBy: this.#spec.monitoring.pages,
      data,
      wallMs: systemClock.wallMs,
      onSession: (from, session) => this.#server.sessionBegan(from, session),
      onRead:
        this.#server.audit &&
        ((read) =>
          this.#server.audit?.[read.outcome === 'done' ? 'read' : 'refused'](kindOf(read), { ...read })),
      ownsOutput: (subject, id) => owners.owns(subject, id),
      onError: (error) => this.#server.log.error('a page failed', { error }),
    })
  }

  /** A Worker starts when all Masters are known, and learns of others from the Masters themselves. */
  observed(order: NodeOrder): void {
    if (order.order !== 'drainBeforeStop') return
    this.#drainMs = order.ms
    this.#tell({ event: 'drainNoted' })
    // A later apply may give it less time than the one that was cut off.
    if (this.#isDraining) void this.drain()
  }

  reload(): void {
    void this.#server.tls?.reload()
  }

  abandon(reason: unknown): Promise<void> {
    return this.#server.abandon(reason)
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    if (this.#drainMs !== null) await this.#worker?.drain(this.#drainMs, 'it is being stopped')
  }

  handOver(): Promise<void> {
    this.#stopped ??= this.#leave()
    return this.#stopped
  }

  async #leave(): Promise<void> {
    try {
      await this.#workerNow().handOver(this.#server.webPort)
    } catch (error) {
      // It goes on as before, and may be stopped or restarted later.
      if (isFiresteelError(error, 'RESTART_REFUSED')) {
        this.#stopped = undefined
        this.#tell({ event: 'restartRefused', error: errorRecord(error) })
      }
      this.#server.log.error('this Worker cannot restart without its work', { error })
      throw error
    }
    this.#tell({ event: 'restarting' })
    await this.#server.close('the Worker restarts')
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder()
    return this.#stopped
  }

  /** Children end first, while the Masters can still be told. */
  async #stopInOrder(): Promise<void> {
    await this.#worker?.stop()
    await this.#server.close('the Worker stops')
  }

  #ready(): void {
    if (this.#saidReady) return
    this.#saidReady = true
    this.#tell({ event: 'ready' })
  }

  #workerNow(): Worker {
    if (!this.#worker) throw new FiresteelError('ASK_TIMEOUT', 'the Worker is starting')
    return this.#worker
  }

  #startWorker(web: string | null): Promise<Worker> {
    const { name, cluster, secret, join, host, advertise, cores, memoryMib, resources, labels } = this.#spec
    const { masters, workerTimeoutMs, orphanGraceMs, workDirectory, code } = this.#spec
    const { noNewPrivileges, codeRoots, allowEnv, cgroup } = this.#spec
    const { system, gateway, log, port, tls, linkDeadMs, incarnation } = this.#server
    return startWorker({
      system,
      gateway,
      clock: systemClock,
      log,
      onUnreadable: this.#server.onUnreadable,
      spans: this.#spans,
      former: this.#former,
      onRestartAsked: () => this.onRestartAsked?.(),
      config: {
        name,
        cluster,
        secret,
        join,
        tls,
        host,
        port,
        advertise,
        web,
        cores,
        memoryMib,
        resources: Object.fromEntries(Object.entries(resources).map(([key, list]) => [key, [...list]])),
        labels,
        workDir: workDirectory,
        code,
        noNewPrivileges,
        codeRoots,
        allowEnv,
        cgroup: cgroup ?? undefined,
        runAs: this.#runAs,
        masters,
        workerTimeoutMs,
        orphanGraceMs,
        applicationTimeoutMs: limits.applicationTimeoutMs,
        linkDeadMs,
        incarnation,
        isSupervised: this.#spec.isSupervised,
        onTokens: (ids) => this.#server.tokens.told(ids),
      },
    })
  }
}
