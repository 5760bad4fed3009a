import { timingSafeEqual } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
// biome-ignore lint/style/noRestrictedImports: a socket of the file system, no network
import { createServer, type Server, type Socket } from 'node:net'
import { reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { type ClaimSocket, claimSocket } from './claim-socket.js'
import type { GuardLedger } from './guard-ledger.js'
import {
  abandonLine,
  claimVerb,
  type Ended,
  type FromGuard,
  guardVersion,
  outliveVerb,
  prepareVerb,
  type ToOutlive,
  type ToPrepare,
} from './guard-lines.js'
import { SecondGuard } from './guard-second.js'
import { type LineLink, lineLink } from './line-link.js'

export interface GuardSuccessionParts {
  readonly ledger: GuardLedger
  readonly bootMs: () => number
  readonly ends: () => readonly Ended[]
  /** To the present Worker process. */
  readonly tell: (message: FromGuard) => void
  /** The next Worker process has claimed. From now on its link is the one that this guard obeys. */
  readonly onSuccessor: (link: LineLink) => void
  /** A line of the successor, after its claim. */
  readonly onLine: (line: string) => void
}

interface Prepared extends ToPrepare {
  readonly server: Server
  readonly socket: ClaimSocket
  record: string | undefined
}

/**
 * A planned restart of the Worker (protocol 8.6). The guard keeps what the next process must know, and gives
 * it once, to the one that has the token.
 */
export class GuardSuccession {
  readonly #parts: GuardSuccessionParts
  readonly #second = new SecondGuard()
  #prepared: Prepared | undefined

  constructor(parts: GuardSuccessionParts) {
    this.#parts = parts
  }

  /** False: this line has another purpose. */
  apply(line: string): boolean {
    if (line.startsWith(prepareVerb)) this.#prepare(JSON.parse(line.slice(prepareVerb.length)))
    else if (line.startsWith(outliveVerb)) this.#outlive(JSON.parse(line.slice(outliveVerb.length)))
    else if (line === abandonLine) this.close()
    else return false
    return true
  }

  close(): void {
    this.#second.end()
    const prepared = this.#prepared
    this.#prepared = undefined
    if (!prepared) return
    prepared.server.close()
    rmSync(prepared.socket.path, { force: true })
    prepared.socket.close()
  }

  #prepare(asked: ToPrepare): void {
    this.close()
    const server = createServer((socket) => this.#connected(socket))
    let socket: ClaimSocket | undefined
    const fail = (error: unknown): void => {
      this.close()
      this.#parts.tell({ type: 'prepared', problem: reasonOf(error) })
    }
    server.on('error', fail)
    try {
      socket = claimSocket(asked.folder)
      // Of a guard that was killed.
      rmSync(socket.path, { force: true })
      this.#prepared = { ...asked, server, socket, record: undefined }
      const { path } = socket
      server.listen(path, () => {
        chmodSync(path, 0o600)
        this.#parts.tell({ type: 'prepared' })
      })
    } catch (error) {
      fail(error)
    }
  }

  #outlive({ untilBootMs, record }: ToOutlive): void {
    if (!this.#prepared) {
      // The one that was asked to prepare was killed meanwhile.
      this.#parts.tell({ type: 'held', problem: 'it was not prepared' })
      return
    }
    this.#prepared.record = record
    this.#parts.ledger.outlive(untilBootMs)
    this.#second.begin(this.#parts.ledger.groups)
    this.#parts.tell({ type: 'held' })
  }

  #connected(socket: Socket): void {
    // Whoever connects and says nothing is not the next Worker process.
    const timer = setTimeout(() => socket.destroy(), innerLimits.claimSilenceMs).unref()
    let isSuccessor = false
    const link = lineLink(socket, (line) => {
      if (isSuccessor) {
        this.#parts.onLine(line)
        return
      }
      clearTimeout(timer)
      const reason = this.#refusal(line)
      if (reason !== undefined) {
        link.write(JSON.stringify({ type: 'refused', reason } satisfies FromGuard))
        link.end()
        return
      }
      isSuccessor = true
      this.#giveTo(link)
    })
  }

  #giveTo(link: LineLink): void {
    const { ledger, ends, onSuccessor } = this.#parts
    const record = this.#prepared?.record ?? ''
    this.close()
    const yours = {
      type: 'yours',
      version: guardVersion,
      pid: process.pid,
      record,
      ends: ends(),
      groups: ledger.groups,
    } satisfies FromGuard
    link.write(JSON.stringify(yours))
    onSuccessor(link)
  }

  /** Undefined: it is the next Worker process. The claim has then been taken note of. */
  #refusal(line: string): string | undefined {
    const prepared = this.#prepared
    if (!line.startsWith(claimVerb) || !prepared) return 'there is nothing to claim'
    if (!isEqual(line.slice(claimVerb.length), prepared.token)) return 'the token is wrong'
    if (prepared.record === undefined) return 'the Worker has not handed over'
    return this.#parts.ledger.adopt(this.#parts.bootMs()) ? undefined : 'the announced time is over'
  }
}

function isEqual(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}
