import type { Sink } from './envelope.js'
import type { Destination, LocalEnvelope, Recall } from './local-envelope.js'
import { localPart } from './names.js'
import { Remote, type RemoteParts } from './remote.js'
import { type EndReason, type SystemMessage, systemPath, type Terminated } from './system-messages.js'

/** An actor of this process that can watch and be watched. */
export interface Watchable extends Destination {
  readonly localPath: string
  readonly phase: 'running' | 'stopping' | 'stopped'
  /** The watches on it in this process, and the watches that it holds. */
  readonly watchers: Set<Watch>
  readonly watching: Set<Watch>
}

/** What the watches need from their system. */
export interface WatchParts extends RemoteParts {
  /** The address of the system. Each path begins with it. */
  readonly name: string
  /** Live actors by local path. */
  readonly cells: ReadonlyMap<string, Watchable>
}

/** One actor's interest in the end of another one. It is told once. */
export class Watch implements Recall {
  readonly watcher: Watchable
  readonly target: Watchable | Remote
  live = true
  fired = false

  constructor(watcher: Watchable, target: Watchable | Remote) {
    this.watcher = watcher
    this.target = target
  }

  take(): boolean {
    this.watcher.watching.delete(this)
    return this.live
  }

  concerns(target: Watchable | Remote): boolean {
    if (!(target instanceof Remote) || !(this.target instanceof Remote)) return this.target === target
    return this.target.sink === target.sink && this.target.localPath === target.localPath
  }
}

/** Death watch, in this process and over links. It is the `/system` actor that other systems talk to. */
export class Watches implements Destination {
  readonly #parts: WatchParts
  /** Our watches over links. There is one Watch message per link and path, however many actors watch. */
  readonly #away = new Map<Sink, Map<string, Set<Watch>>>()
  /** The actors of ours that each peer watches. */
  readonly #guests = new Map<Sink, Set<Watchable>>()

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  get path(): string {
    return this.#parts.name + systemPath
  }

  watch(watcher: Watchable, target: Watchable | Remote): void {
    for (const known of this.#watchersOf(target)) {
      if (known.watcher === watcher && !known.fired) return
    }
    const watch = new Watch(watcher, target)
    watcher.watching.add(watch)
    if (target instanceof Remote) this.#watchAway(watch, target)
    else if (target.phase === 'stopped') this.#fire(watch, 'stopped')
    else target.watchers.add(watch)
  }

  unwatch(watcher: Watchable, target: Watchable | Remote): void {
    for (const watch of watcher.watching) if (watch.concerns(target)) this.#end(watch)
  }

  /** The watcher's incarnation has ended. */
  unwatchAll(watcher: Watchable): void {
    for (const watch of watcher.watching) this.#end(watch)
  }

  ended(cell: Watchable, reason: EndReason): void {
    for (const watch of cell.watchers) this.#fire(watch, reason)
    cell.watchers.clear()
    for (const [sink, cells] of this.#guests) {
      if (cells.delete(cell)) this.#send(sink, { type: 'Terminated', path: cell.localPath, reason })
    }
  }

  disconnect(sink: Sink): void {
    this.#guests.delete(sink)
    const paths = this.#away.get(sink)
    this.#away.delete(sink)
    for (const watches of paths?.values() ?? []) {
      for (const watch of watches) this.#fire(watch, 'disconnected')
    }
  }

  /** Handles what another system sends. A malformed message gets no answer. */
  accept(envelope: LocalEnvelope): boolean {
    const { sink } = envelope
    const message = envelope.message as Partial<SystemMessage>
    if (sink === undefined || typeof message.path !== 'string') return this.#malformed(envelope)
    const path = localPart(message.path)
    const cell = this.#parts.cells.get(path)
    if (message.type === 'Watch') {
      if (cell === undefined) return this.#send(sink, { type: 'Terminated', path, reason: 'unknown' })
      const guests = this.#guests.get(sink) ?? new Set()
      this.#guests.set(sink, guests.add(cell))
    } else if (message.type === 'Unwatch') {
      if (cell !== undefined) this.#guests.get(sink)?.delete(cell)
    } else if (message.type === 'Terminated') {
      const watches = this.#away.get(sink)?.get(path)
      this.#away.get(sink)?.delete(path)
      for (const watch of watches ?? []) this.#fire(watch, reasonOf(message))
    } else return this.#malformed(envelope)
    return true
  }

  #watchAway(watch: Watch, { sink, localPath }: Remote): void {
    const paths = this.#away.get(sink) ?? new Map<string, Set<Watch>>()
    this.#away.set(sink, paths)
    const watches = paths.get(localPath)
    if (watches !== undefined) {
      watches.add(watch)
      return
    }
    paths.set(localPath, new Set([watch]))
    if (this.#send(sink, { type: 'Watch', path: localPath })) return
    paths.delete(localPath)
    if (paths.size === 0) this.#away.delete(sink)
    this.#fire(watch, 'disconnected')
  }

  #end(watch: Watch): void {
    watch.live = false
    watch.watcher.watching.delete(watch)
    const { target } = watch
    if (!(target instanceof Remote)) {
      target.watchers.delete(watch)
      return
    }
    const paths = this.#away.get(target.sink)
    const watches = paths?.get(target.localPath)
    if (watches?.delete(watch) !== true || watches.size > 0) return
    paths?.delete(target.localPath)
    this.#send(target.sink, { type: 'Unwatch', path: target.localPath })
  }

  #watchersOf(target: Watchable | Remote): Iterable<Watch> {
    if (!(target instanceof Remote)) return target.watchers
    return this.#away.get(target.sink)?.get(target.localPath) ?? []
  }

  #fire(watch: Watch, reason: EndReason): void {
    if (watch.fired) return
    watch.fired = true
    const { path } = watch.target
    const message: Terminated = { type: 'Terminated', path, reason }
    const { relay } = this.#parts
    relay.pass(relay.stamp(path, watch.watcher.path, message, undefined, { recall: watch }), watch.watcher)
  }

  #send(sink: Sink, message: SystemMessage): boolean {
    const { relay } = this.#parts
    const to = new Remote(this.#parts, sink, systemPath)
    return relay.pass(relay.stamp(this.path, to.path, message, undefined), to)
  }

  #malformed(envelope: LocalEnvelope): boolean {
    return this.#parts.undeliverable(envelope, 'malformed', this)
  }
}

function reasonOf({ reason }: Partial<Terminated>): EndReason {
  return reason === 'stopped' || reason === 'failed' ? reason : 'unknown'
}
