import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { splitHostPort } from '../../runtime/addresses.js'
import { type ErrorName, errorNameOf, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { pause } from '../../runtime/pause.js'
import { isDescriptorShortage } from '../../runtime/process/descriptors.js'
import { NotPlain } from '../../runtime/process/plain-file.js'
import { followOutput, type ReadOptions, readOutput } from '../../runtime/process/read-output.js'
import { tailPlace } from '../../runtime/process/tail-place.js'
import { systemError } from '../../runtime/system-error.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { LogChunk, RequestLog } from '../messages/status.js'
import { AttemptEnd } from './attempt-list.js'
import { givesWay, type LogReaderLink } from './log-shares.js'
import { ReadTurns } from './logs/read-turns.js'
import { TailTurns } from './logs/tail-turns.js'
import { outputFolder } from './output-id.js'
import type { WorkFolders } from './work-folders.js'

export type LogAsker = Pick<PeerIdentity, 'incarnation' | 'role' | 'subject' | 'address'>

export interface LogStreamsOptions {
  readonly folders: WorkFolders
  /** True: the output of this id may still grow. */
  readonly lives: (id: string) => boolean
  /** False: this peer has a token, and no grant of the leader for this output. */
  readonly mayRead: (peer: LogAsker, request: RequestLog) => boolean
  /** False: this peer has no link any more. */
  readonly send: (peer: string, chunk: LogChunk) => boolean
  /** Bytes that wait on the link to this peer. */
  readonly bufferedBytes: (peer: string) => number
}

interface Stream {
  readonly name: string
  readonly id: string
  readonly abort: AbortController
  readonly ended: Promise<void>
  readonly end: () => void
}

/** The streams of one link, in the order in which they came. */
interface Reader {
  readonly peer: string
  readonly host: string
  readonly streams: Map<string, Stream>
}

const BUSY = `FIRESTEEL_BUSY: ${limits.logStreams} log streams are open`

const BUSY_LOOK_MS = innerLimits.logBusyLookMs

/** Streams of outputs to peers that asked. Each sends no faster than its link takes the data. */
export class LogStreams {
  readonly #options: LogStreamsOptions
  /** By the incarnation of the peer. */
  readonly #open = new Map<string, Reader>()
  readonly #tails = new TailTurns()
  readonly #reads = new ReadTurns()
  #count = 0

  constructor(options: LogStreamsOptions) {
    this.#options = options
  }

  request(from: LogAsker, request: RequestLog): void {
    const peer = from.incarnation
    const path = this.#pathOf(request)
    const { host } = splitHostPort(from.address)
    const mine = this.#open.get(peer) ?? { peer, host, streams: new Map<string, Stream>() }
    if (!this.#options.mayRead(from, request)) {
      this.#refuse(
        peer,
        request.stream,
        `FIRESTEEL_NOT_ALLOWED: the leader has not granted the output of ${request.id} to this token`,
      )
    } else if (path === undefined) {
      this.#refuse(
        peer,
        request.stream,
        `FIRESTEEL_UNKNOWN_ID: nothing named ${request.id} has run on this Worker`,
      )
    } else if ((request.tailLines ?? 0) > limits.logTailLines) {
      this.#refuse(
        peer,
        request.stream,
        `FIRESTEEL_INVALID_ARGUMENT: tailLines is ${request.tailLines}; at most ${limits.logTailLines} lines from the end can be asked for`,
      )
    } else if (mine.streams.has(request.stream)) {
      this.#refuse(peer, request.stream, 'FIRESTEEL_NOT_ALLOWED: a stream of this name is open')
    } else if (!this.#makePlace(mine)) {
      this.#refuse(peer, request.stream, BUSY)
    } else {
      const { promise: ended, resolve: end } = deferred()
      const { id, stream: name } = request
      const stream: Stream = { name, id, abort: new AbortController(), ended, end }
      if (!this.#options.lives(id)) end()
      mine.streams.set(name, stream)
      this.#open.set(peer, mine)
      this.#count++
      void this.#run(mine, request, stream, path).finally(() => this.#forget(mine, stream))
    }
  }

  /** False: all are open, and none gives way. */
  #makePlace(asker: Reader): boolean {
    if (this.#count < limits.logStreams) return true
    const peer = givesWay(this.#links(), asker)
    const reader = peer === undefined ? undefined : this.#open.get(peer)
    const newest = [...(reader?.streams.values() ?? [])].at(-1)
    if (reader === undefined || newest === undefined) return false
    newest.abort.abort()
    this.#forget(reader, newest)
    this.#refuse(reader.peer, newest.name, `${BUSY}, and this one gives way to a reader with fewer`)
    return true
  }

  *#links(): Iterable<LogReaderLink> {
    for (const { peer, host, streams } of this.#open.values()) yield { peer, host, streams: streams.size }
  }

  stop(peer: string, name: string): void {
    this.#open.get(peer)?.streams.get(name)?.abort.abort()
  }

  /** The link to this peer has ended. */
  stopAllOf(peer: string): void {
    for (const stream of this.#open.get(peer)?.streams.values() ?? []) stream.abort.abort()
  }

  stopAll(): void {
    for (const peer of this.#open.keys()) this.stopAllOf(peer)
  }

  /** Some work has ended: streams that follow its output send the rest and the end. */
  workEnded(): void {
    if (this.#count === 0) return
    for (const { streams } of this.#open.values()) {
      for (const stream of streams.values()) if (!this.#options.lives(stream.id)) stream.end()
    }
  }

  #pathOf({ id, output }: RequestLog): string | undefined {
    const segments = outputFolder(id)
    if (!segments) return undefined
    const path = join(this.#options.folders.path(segments), output)
    return this.#options.lives(id) || existsSync(path) ? path : undefined
  }

  async #run(reader: Reader, request: RequestLog, stream: Stream, path: string): Promise<void> {
    const { peer } = reader
    const { signal } = stream.abort
    let error: string | undefined
    let next: number | undefined
    try {
      const offset = await this.#firstOffset(reader, request, stream, path)
      const turn = () => this.#reads.next(reader, signal)
      const part = { path, within: this.#options.folders.root, turn }
      for await (const piece of pages({ ...request, offset }, stream, part)) {
        const data = piece.data.toString('base64')
        next = piece.next
        if (data !== '' && !this.#send(peer, { stream: request.stream, data, next, end: false })) return
        await this.#waitForCapacity(peer, signal)
      }
    } catch (thrown) {
      error = `FIRESTEEL_${codeOf(thrown)}: the output could not be read: ${reasonOf(thrown)}`
    }
    if (signal.aborted) return
    const last = { ...(next !== undefined && { next }), ...(error !== undefined && { error }) }
    this.#send(peer, { stream: request.stream, data: '', end: true, ...last })
  }

  /** Where it begins; undefined: at the oldest byte that is kept. */
  async #firstOffset(reader: Reader, request: RequestLog, { abort }: Stream, path: string) {
    const { tailLines: lines, offset, end } = request
    if (lines === undefined) return offset
    const { signal } = abort
    const within = this.#options.folders.root
    return this.#tails.search(reader, signal, () => tailPlace(path, { lines, offset, end, within, signal }))
  }

  async #waitForCapacity(peer: string, signal: AbortSignal): Promise<void> {
    // A log takes half of a link's buffer at most, because control messages on the link must not wait for it.
    while (!signal.aborted && this.#options.bufferedBytes(peer) > limits.linkHighWaterBytes / 2) {
      await pause(BUSY_LOOK_MS, signal)
    }
  }

  #refuse(peer: string, stream: string, error: string): void {
    this.#send(peer, { stream, data: '', end: true, error })
  }

  #send(peer: string, chunk: Omit<LogChunk, 'type'>): boolean {
    return this.#options.send(peer, { type: 'LogChunk', ...chunk })
  }

  #forget({ peer, streams }: Reader, stream: Stream): void {
    // The name may belong to a newer one by now.
    if (streams.get(stream.name) !== stream) return
    streams.delete(stream.name)
    this.#count--
    if (streams.size === 0) this.#open.delete(peer)
  }
}

interface LogPiece {
  /** May be empty. */
  readonly data: Buffer
  readonly next: number
}

type LogPart = Pick<RequestLog, 'end' | 'follow' | 'output' | 'attempt'> & {
  readonly offset: number | undefined
}

interface LogFile {
  readonly path: string
  readonly within: string
  /** Resolves when the next piece may be read. */
  readonly turn: () => Promise<void>
}

type ReadStart = ReadOptions & Omit<LogFile, 'path'>

/** Yields the present output; with `follow` also what is written later. */
async function* pages(
  request: LogPart,
  stream: Stream,
  { path, within, turn }: LogFile,
): AsyncGenerator<LogPiece> {
  const { offset, end, follow } = request
  if (stream.abort.signal.aborted) return
  const part = { ...(offset !== undefined && { offset }), ...(end !== undefined && { end }) }
  const start = { maxBytes: limits.logChunkBytes, within, turn, ...part }
  if (follow) yield* followed(path, start, request, stream)
  else yield* present(path, start, stream)
}

async function* present(
  path: string,
  start: ReadStart & { readonly maxBytes: number; readonly end?: number },
  stream: Stream,
): AsyncGenerator<LogPiece> {
  const { maxBytes, within, turn } = start
  await turn()
  let page = readOutput(path, start)
  const end = Math.min(page.end, start.end ?? Number.POSITIVE_INFINITY)
  while (!stream.abort.signal.aborted) {
    const data = page.data.subarray(0, Math.max(0, end - page.offset))
    const { next: offset } = page
    yield { data, next: Math.min(offset, end) }
    // Everything that existed at the request has been read, or the file has shrunk since.
    if (offset >= end || offset >= page.end) return
    await turn()
    page = readOutput(path, { maxBytes, within, offset })
  }
}

async function* followed(
  path: string,
  start: ReadStart,
  { output, attempt }: LogPart,
  { abort: { signal }, ended }: Stream,
): AsyncGenerator<LogPiece> {
  const attemptEnd =
    attempt && output !== 'attempts' ? new AttemptEnd(path, start.within, attempt, output) : undefined
  for await (const { data, offset, next } of followOutput(path, { ...start, signal, ended })) {
    // An attempt is noted before it starts: what it wrote was read before this look for it.
    const end = attemptEnd?.look() ?? Number.POSITIVE_INFINITY
    yield { data: data.subarray(0, Math.max(0, end - offset)), next: Math.min(next, end) }
    if (next >= end) return
  }
}

/**
 * A file that the work replaced is NOT_ALLOWED, a lack of descriptors passes (BUSY), anything else is our
 * defect.
 */
function codeOf(error: unknown): ErrorName {
  if (error instanceof NotPlain) return 'NOT_ALLOWED'
  if (isDescriptorShortage(error)) return 'BUSY'
  return errorNameOf(systemError(error)?.code ?? '') ?? 'INTERNAL'
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
