import { randomBytes } from 'node:crypto'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setEnvironmentData } from 'node:worker_threads'
import { splitHostPort } from '../../runtime/addresses.js'
import { pathIn } from '../../runtime/code/path-in.js'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { readBootText } from '../../runtime/process/inherited-pipe.js'
import { sendSignal } from '../../runtime/process/send-signal.js'
import { LinkKeeper } from '../../runtime/transport/link-keeper.js'
import { executorExits } from '../messages/executor-exits.js'
import { CODE_ROOTS, type ExecutorBoot } from './boot.js'
import { ExecutorTrace } from './executor-trace.js'
import { ExecutorSession } from './session.js'
import { ThreadPool, type Useless } from './threads.js'

/*
 * The entry of an executor process. It imports no schema library, no logger and no actor system, so that it
 * reaches its driver in well under 100 ms after the fork. It goes on without a Master; it exits without its
 * driver.
 */

/**
 * Node's heap is part of the process: the heap of a runaway task must fail before the memory watch kills the
 * process.
 */
const HEAP_SHARE = innerLimits.heapShare

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

/** Where a task module of the driver's machine is here. */
function urlHere(url: string, code: ExecutorBoot['code']): string {
  if (code === undefined || !url.startsWith('file:')) return url
  const here = pathIn(code, fileURLToPath(url))
  return here === undefined ? url : pathToFileURL(here).href
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`)
}

/** Kills this process and all that its tasks started, such as the command that a blocked thread waits for. */
function endGroup(): void {
  sendSignal(-process.pid, 'SIGKILL')
  sendSignal(process.pid, 'SIGKILL')
}

class Executor {
  readonly #boot: ExecutorBoot
  readonly #session: ExecutorSession
  readonly #threads: ThreadPool
  readonly #trace: ExecutorTrace
  #alone: NodeJS.Timeout | undefined
  #useless: Useless | undefined
  #isExiting = false

  constructor(boot: ExecutorBoot) {
    this.#boot = boot
    this.#trace = new ExecutorTrace(boot, `executor-${boot.execId}-${randomBytes(8).toString('hex')}`)
    const { appId, execId, workerId, host, cores, tasksPerCore, resources, memoryMib } = boot
    setEnvironmentData(CODE_ROOTS, boot.codeRoots)
    this.#threads = new ThreadPool({
      threads: cores,
      tasksPerThread: tasksPerCore,
      heapMib: Math.max(32, Math.floor(memoryMib * HEAP_SHARE)),
      executor: { id: `${appId}/${execId}`, host, cores, resources },
      maxResultBytes: limits.maxResultBytes,
      onResult: (attempt, status, body) => this.#session.result(attempt, status, body),
      onStarted: (attempts) => this.#session.started(attempts),
      onProgress: (progress) => this.#session.progress(progress),
      onOutput: (part) => this.#session.output(part),
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
      urlOf: (url) => urlHere(url, boot.code),
      trace: this.#trace,
      onExit: () => this.exit('asked'),
      onDefect: (error) => this.fail(error),
    })
    this.#waitAlone()
    this.#keepLink()
    // Beside the handshake with the driver, on another core.
    this.#threads.warm()
  }

  /** Without `why` its driver asked for it: nobody needs to read that in the output of the program. */
  exit(code: keyof typeof executorExits, why?: string): void {
    if (this.#isExiting) return
    this.#isExiting = true
    if (why !== undefined) say(`executor ${this.#boot.appId}/${this.#boot.execId} ends: ${why}`)
    if (this.#useless === 'stuck') endGroup()
    // Results that the driver has not acknowledged are dropped: it wants this executor to end.
    void this.#threads.close(limits.executorExitMs).then((ended) => {
      // process.exit() waits for every thread; for one in a blocking call it would wait for ever.
      if (ended) process.exit(executorExits[this.#useless === 'startless' ? 'startless' : code])
      else endGroup()
    })
  }

  /**
   * Ends it after an exception in its main thread, where no task code runs: its state can no longer be
   * trusted.
   */
  fail(error: unknown): void {
    this.exit('defect', `a defect: ${error instanceof Error ? error.stack : String(error)}`)
  }

  /**
   * Announces its end to the driver, which gives the tasks to others once this executor is gone and answers
   * `exit`.
   */
  #resign(why: Useless, reason: string): void {
    this.#useless = why
    say(`executor ${this.#boot.appId}/${this.#boot.execId} ends itself: ${reason}`)
    this.#session.ending(`it ended itself: ${reason}`, why === 'stuck')
    setTimeout(() => this.exit('asked', 'its driver did not answer'), limits.lastWordsMs)
  }

  #keepLink(): void {
    const { cluster, driver, appId, key, tls } = this.#boot
    // The keeper's timers and sockets keep it alive. It ends with the process.
    new LinkKeeper({
      ...splitHostPort(driver),
      identity: { cluster, incarnation: this.#trace.incarnation },
      role: 'application',
      subject: appId,
      key: Buffer.from(key, 'base64'),
      tls: tls && 'key',
      // User code may block the driver's event loop (protocol L4).
      deadMs: limits.driverLinkDeadMs,
      onLink: (link) => {
        clearTimeout(this.#alone)
        this.#session.link(link)
        this.#threads.warm()
      },
      onDown: (end) => {
        if (this.#isExiting) return
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
  process.exitCode = executorExits.boot
}
