import { randomBytes } from 'node:crypto'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { readBootText } from '../../runtime/process/inherited-pipe.js'
import { sendSignal } from '../../runtime/process/send-signal.js'
import { LinkKeeper } from '../../runtime/transport/link-keeper.js'
import type { ExecutorBoot } from './boot.js'
import { ExecutorSession } from './session.js'
import { ThreadPool, type Useless } from './threads.js'

/*
 * The entry of an executor process. It imports no schema library, no logger, no actor system: from fork to the
 * driver's door in well under 100 ms. It works on while there is no Master; without its driver it ends.
 */

const HEAP_SHARE = innerLimits.heapShare

/** `startless`: its task threads do not start. `defect`: an exception that nobody took charge of. */
const exitCodes = { asked: 0, boot: 2, alone: 3, startless: 4, defect: 5 } as const

function readBoot(): ExecutorBoot {
  try {
    return JSON.parse(readBootText()) as ExecutorBoot
  } catch (cause) {
    throw new FiresteelError(
      'USAGE',
      'An executor is started by its Worker, which describes it on descriptor 3.',
      {
        cause,
      },
    )
  }
}

function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(address.slice(colon + 1)) }
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`)
}

/** At once, and with it what its tasks have started: a blocked thread, and the command that it waits for. */
function endGroup(): void {
  sendSignal(-process.pid, 'SIGKILL')
  sendSignal(process.pid, 'SIGKILL')
}

class Executor {
  readonly #boot: ExecutorBoot
  readonly #session: ExecutorSession
  readonly #threads: ThreadPool
  #alone: NodeJS.Timeout | undefined
  #useless: Useless | undefined
  #isExiting = false

  constructor(boot: ExecutorBoot) {
    this.#boot = boot
    const { appId, execId, workerId, host, cores, resources, memoryMib } = boot
    this.#threads = new ThreadPool({
      threads: cores,
      heapMib: Math.max(32, Math.floor(memoryMib * HEAP_SHARE)),
      executor: { id: `${appId}/${execId}`, host, cores, resources },
      maxResultBytes: limits.maxResultBytes,
      onResult: (attempt, status, body) => this.#session.result(attempt, status, body),
      onStarted: (attempts) => this.#session.started(attempts),
      onReturned: (attempts) => this.#session.returned(attempts),
      onLog: (text) => {
        say(text)
        this.#session.log(text)
      },
      onUseless: (why, reason) => this.#resign(why, reason),
    })
    const hello = { execId, workerId, host, cores, pid: process.pid, resources }
    this.#session = new ExecutorSession({
      hello,
      runner: this.#threads,
      onExit: (reason) => this.exit('asked', `the driver said: ${reason}`),
      onDefect: (error) => this.fail(error),
    })
    this.#waitAlone()
    this.#keepLink()
  }

  exit(code: keyof typeof exitCodes, why: string): void {
    if (this.#isExiting) return
    this.#isExiting = true
    say(`executor ${this.#boot.appId}/${this.#boot.execId} ends: ${why}`)
    if (this.#useless === 'stuck') endGroup()
    // What a driver has not acknowledged it does not want any more.
    void this.#threads.close(limits.executorExitMs).then((ended) => {
      // process.exit() waits for every thread, and for ever for one in a blocking call.
      if (ended) process.exit(exitCodes[this.#useless === 'startless' ? 'startless' : code])
      else endGroup()
    })
  }

  /** An exception of its main thread, where nothing of its tasks runs: what it knows of them is not true any more. */
  fail(error: unknown): void {
    this.exit('defect', `a defect: ${error instanceof Error ? error.stack : String(error)}`)
  }

  /** The driver gives its tasks to others when it is gone, and answers at once: then there is nothing to wait for. */
  #resign(why: Useless, reason: string): void {
    this.#useless = why
    say(`executor ${this.#boot.appId}/${this.#boot.execId} ends itself: ${reason}`)
    this.#session.ending(`it ended itself: ${reason}`, why === 'stuck')
    setTimeout(() => this.exit('asked', 'its driver did not answer'), limits.lastWordsMs)
  }

  #keepLink(): void {
    const { cluster, driver, appId, execId, key } = this.#boot
    // Held by its timers and sockets; it ends with the process.
    new LinkKeeper({
      ...splitAddress(driver),
      identity: { cluster, incarnation: `executor-${execId}-${randomBytes(8).toString('hex')}` },
      role: 'application',
      subject: appId,
      key: Buffer.from(key, 'base64'),
      // The driver's loop belongs to its user, who may block it (protocol L4).
      deadMs: limits.driverLinkDeadMs,
      onLink: (link) => {
        clearTimeout(this.#alone)
        this.#session.link(link)
        this.#threads.warm()
      },
      onDown: (end) => {
        say(`the link to the driver ended: ${end.detail}`)
        this.#waitAlone()
      },
      onRefused: (error) => say(`the driver refused this executor: ${error.message}`),
      onInvalid: ({ detail }) => say(`the driver sent what cannot be read: ${detail}`),
    })
  }

  #waitAlone(): void {
    clearTimeout(this.#alone)
    const { applicationTimeoutMs, driver } = this.#boot
    const why = `no link to its driver at ${driver} for ${applicationTimeoutMs / 1000} s`
    this.#alone = setTimeout(() => this.exit('alone', why), applicationTimeoutMs)
  }
}

try {
  const executor = new Executor(readBoot())
  process.on('SIGTERM', () => executor.exit('asked', 'SIGTERM'))
  process.on('uncaughtException', (error) => executor.fail(error))
} catch (error) {
  say(reasonOf(error))
  process.exitCode = exitCodes.boot
}
