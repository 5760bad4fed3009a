import { formatHostPort } from '../../../runtime/addresses.js'
import { CodeCache } from '../../../runtime/code/code-cache.js'
import { sourceAt } from '../../../runtime/code/code-link.js'
import { CodeMaker, type CodeSource, type MadeCode } from '../../../runtime/code/code-maker.js'
import { readerSeal, seesTheSame } from '../../../runtime/code/machine-seal.js'
import { reasonOf } from '../../../runtime/errors.js'
import { limits } from '../../../runtime/limits.js'
import type { Log } from '../../../runtime/observe/log.js'
import { codeSubjectOf } from '../../../runtime/transport/identity.js'
import type { Link } from '../../../runtime/transport/link.js'
import { codeSubjectWith } from '../../../runtime/transport/token.js'
import type { KeepCode } from '../../messages/code.js'
import type { LaunchDriver } from '../../messages/drivers.js'
import type { LaunchExecutor } from '../../messages/executors.js'
import { applicationCodeKey, type SourceKeys, sourceKeys } from '../work-keys.js'
import type { WorkerConfig } from '../worker-config.js'
import { CodeVisitor } from './code-visitor.js'

export interface WorkerCodeOptions {
  readonly config: WorkerConfig
  readonly log: Log
  readonly wallMs: () => number
  /** What the work uses that the process before has left in a planned restart. */
  readonly users?: CodeUsers | undefined
  /** True: this driver, or an executor of this application, is here. */
  readonly isLive: (id: string) => boolean
  /** Called with all codes that are here, whenever others are. */
  readonly onCodes: (codes: readonly string[]) => void
  /** Called when a start begins to wait for its code, and when it waits no more. */
  readonly onFetching: (process: string, fetching: boolean) => void
}

/** Application or driver -> the codes that it uses on this Worker. */
export type CodeUsers = readonly (readonly [user: string, codes: readonly string[]])[]

/** The code of this Worker's work: fetched, kept while it is needed, given to others. */
export class WorkerCode {
  readonly #options: WorkerCodeOptions
  readonly #cache: CodeCache
  readonly #maker: CodeMaker
  /** Application or driver -> the codes that it uses here. */
  readonly #users = new Map<string, Set<string>>()
  /** What drivers of the cluster need, by the word of the leader. */
  #kept = new Set<string>()
  readonly #fetches = new Set<AbortController>()
  readonly #visitors = new Set<CodeVisitor>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: WorkerCodeOptions) {
    this.#options = options
    const { config, log, wallMs, users = [] } = options
    for (const [user, codes] of users) for (const id of codes) this.#use(user, id)
    const { cache: folder, maxBytes } = config.code
    this.#cache = new CodeCache({ folder, maxBytes, log, wallMs, isShared: config.runAs !== undefined })
    this.#maker = new CodeMaker({ cache: this.#cache, host: config.advertise ?? config.host, log })
    this.#timer = setInterval(() => void this.#collect(), limits.codeCollectMs).unref()
  }

  /**
   * The code of an executor; undefined: it uses the files where they lie, as they are. Rejects with an error
   * of code, or the reason of the signal.
   */
  async ofExecutor(
    process: string,
    launch: LaunchExecutor,
    signal: AbortSignal,
  ): Promise<MadeCode | undefined> {
    const { config } = this.#options
    const { application, appId } = launch
    if (application.code === undefined) return undefined
    if (config.code.inPlace && seesTheSame(readerSeal(config.runAs), application.code)) return undefined
    const source = sourceAt({
      ...this.#ourselves,
      address: launch.driver,
      role: 'application',
      subject: codeSubjectOf(appId),
      key: applicationCodeKey(launch, config),
      tls: config.tls && 'key',
      // User code may block the driver's event loop (protocol L4).
      deadMs: limits.driverLinkDeadMs,
    })
    const keys = sourceKeys(undefined, config)
    return this.#make(process, appId, { id: undefined, root: undefined, sources: [source], keys }, signal)
  }

  /**
   * The code of a driver, from a Worker that has it; undefined: its program lies at its path here. Rejects as
   * above.
   */
  async ofDriver(process: string, launch: LaunchDriver, signal: AbortSignal): Promise<MadeCode | undefined> {
    const { code } = launch.description
    if (code === undefined) return undefined
    const keys = sourceKeys(launch, this.#options.config)
    const sources = (launch.codeFrom ?? []).map((address) => this.#workerAt(address, keys))
    return this.#make(process, launch.driverId, { ...code, sources, keys }, signal)
  }

  /** For the next process of a planned restart: what runs on must keep its code. */
  get users(): CodeUsers {
    return [...this.#users].map(([user, codes]) => [user, [...codes]])
  }

  /** Reads what is here from former runs. */
  open(): void {
    this.#cache.open().then(
      () => this.#changed(),
      (error) => this.#options.log.error('the cache of code cannot be used', { error }),
    )
  }

  /** The leader says what drivers need. */
  keep(message: KeepCode): void {
    const { begins, codes } = message
    const keys = sourceKeys(message, this.#options.config)
    if (begins) this.#kept = new Set()
    for (const { id } of codes) this.#kept.add(id)
    for (const { id, root, from } of codes) {
      if (from.length > 0 && !this.#cache.ids.includes(id)) void this.#fetch(id, root, from, keys)
    }
  }

  /** A link that carries code, from another Worker or a tool. */
  link(link: Link): void {
    const visitor = new CodeVisitor(link, {
      cache: this.#cache,
      maker: this.#maker,
      isHeld: this.#isHeld,
      onGone: () => void this.#visitors.delete(visitor),
      onChange: () => this.#changed(),
    })
    this.#visitors.add(visitor)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const fetch of this.#fetches) fetch.abort()
    for (const visitor of this.#visitors) visitor.close('the Worker stops')
  }

  /**
   * Others are told where it is, so that they fetch from it too. Only a leader can tell them the key of one
   * that has a token.
   */
  get #ourselves() {
    const { cluster, advertise, host, port, join } = this.#options.config
    return {
      cluster,
      advertise: join === undefined ? formatHostPort({ host: advertise ?? host, port }) : undefined,
    }
  }

  #workerAt(address: string, keys: SourceKeys): CodeSource {
    const { join, tls } = this.#options.config
    const role = join === undefined ? 'node' : 'worker'
    const subject = codeSubjectWith(join)
    return sourceAt({ ...this.#ourselves, address, role, subject, key: keys(address), tls })
  }

  async #make(
    process: string,
    user: string,
    {
      keys,
      ...need
    }: {
      id: string | undefined
      root: string | undefined
      sources: readonly CodeSource[]
      keys: SourceKeys
    },
    signal: AbortSignal,
  ): Promise<MadeCode> {
    const { onFetching } = this.#options
    onFetching(process, true)
    try {
      const made = await this.#maker.make({ ...need, signal, sourceAt: (at) => this.#workerAt(at, keys) })
      this.#use(user, made.id)
      this.#changed()
      return made
    } finally {
      onFetching(process, false)
    }
  }

  /** So that another node has it, should this one's source go. */
  async #fetch(id: string, root: string, from: readonly string[], keys: SourceKeys): Promise<void> {
    const fetch = new AbortController()
    this.#fetches.add(fetch)
    try {
      const sources = from.map((address) => this.#workerAt(address, keys))
      await this.#maker.make({ id, root, sources, signal: fetch.signal })
      this.#changed()
    } catch (error) {
      this.#options.log.warn('code that a driver needs did not come', { id, reason: reasonOf(error) })
    } finally {
      this.#fetches.delete(fetch)
    }
  }

  #changed(): void {
    this.#options.onCodes(this.#cache.ids)
    void this.#collect()
  }

  #use(user: string, id: string): void {
    const ids = this.#users.get(user)
    if (ids) ids.add(id)
    else this.#users.set(user, new Set([id]))
  }

  readonly #isHeld = (id: string): boolean => {
    if (this.#maker.isMaking(id) || this.#kept.has(id)) return true
    for (const [user, ids] of this.#users) {
      if (!this.#options.isLive(user)) this.#users.delete(user)
      else if (ids.has(id)) return true
    }
    return false
  }

  async #collect(): Promise<void> {
    const { log } = this.#options
    try {
      const removed = await this.#cache.collect(this.#isHeld)
      if (removed.length === 0) return
      log.info('removed code that nothing uses', { ids: removed })
      this.#options.onCodes(this.#cache.ids)
    } catch (error) {
      log.warn('the cache of code cannot be looked through', { reason: reasonOf(error) })
    }
  }
}
