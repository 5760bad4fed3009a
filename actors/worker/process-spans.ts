import { innerLimits } from '../../runtime/inner-limits.js'
import { attributes as names, spanNames, systemName } from '../../runtime/telemetry/names.js'
import type { NodeSpan, NodeSpans, SpanAttributes } from '../../runtime/telemetry/node-spans.js'
import { isSampled, readContext, type TraceContext } from '../../runtime/telemetry/trace-context.js'
import type { ProcessEnd, ProcessName, StartFailure, WorkerEffect } from './worker-events.js'

type Start = Extract<WorkerEffect, { kind: 'startDriver' | 'startExecutor' }>

interface Running {
  readonly launch: NodeSpan
  readonly run: NodeSpan
}

/**
 * Which trace a process belongs to, and its spans if this Worker has tracing.otlp. The first process of a
 * driver and the first executors of an application are children of the submission or registration. A restart,
 * a relaunch, and each later executor begin a trace of their own with a link to it, because a supervised
 * driver and an application may live for years.
 */
export class ProcessSpans {
  readonly #spans: NodeSpans | undefined
  readonly #worker: string
  readonly #running = new Map<ProcessName, Running>()

  /** Without spans it still hands the context of the caller on. */
  constructor(spans: NodeSpans | undefined, worker: string) {
    this.#spans = spans
    this.#worker = worker
  }

  /** A process is about to be started. Returns the context for its environment. */
  starting(effect: Start): TraceContext | undefined {
    const from = readContext(effect.launch.trace)
    // A sampler would decide anew for a new trace. What the caller did not sample stays so.
    const isChild = belongsTo(effect) || (from !== undefined && !isSampled(from))
    if (this.#spans === undefined) return isChild ? from : undefined
    const { launchName, runName, attributes } = described(effect)
    const launch = this.#spans.start({
      name: launchName,
      kind: 'consumer',
      ...(isChild ? { parent: from } : { link: from }),
      attributes: {
        [names.messagingSystem]: systemName,
        [names.messagingOperationType]: 'process',
        [names.messagingOperationName]: 'launch',
        [names.messagingDestination]: this.#worker,
        ...attributes,
      },
    })
    const run = this.#spans.start({ name: runName, kind: 'internal', parent: launch.context, attributes })
    this.#running.set(effect.process, { launch, run })
    return run.context
  }

  started(process: ProcessName, pid: number): void {
    const running = this.#running.get(process)
    running?.launch.end()
    running?.run.set({ [names.processPid]: pid })
  }

  startFailed(process: ProcessName, { message }: StartFailure): void {
    const failure = { type: 'not_started', message }
    this.#running.get(process)?.launch.end(failure)
    this.#take(process)?.run.end(failure)
  }

  ended(process: ProcessName, { exitCode, signal, message }: ProcessEnd): void {
    const run = this.#take(process)?.run
    if (run === undefined) return
    run.set({ [names.processExitCode]: exitCode ?? undefined, [names.signal]: signal ?? undefined })
    const type = signal ?? (exitCode === 0 ? undefined : 'exit')
    run.end(
      type === undefined
        ? undefined
        : { type, message: message ?? `it ended with ${type === 'exit' ? exitCode : type}` },
    )
  }

  #take(process: ProcessName): Running | undefined {
    const running = this.#running.get(process)
    this.#running.delete(process)
    return running
  }
}

const belongsTo = (effect: Start): boolean =>
  effect.kind === 'startDriver'
    ? effect.launch.generation === 1 && effect.attempt === 1
    : effect.launch.execId < innerLimits.registrationExecutors

function described(effect: Start): { launchName: string; runName: string; attributes: SpanAttributes } {
  if (effect.kind === 'startDriver') {
    const { driverId, generation, description } = effect.launch
    return {
      launchName: spanNames.launchDriver,
      runName: spanNames.runDriver,
      attributes: {
        [names.driverId]: driverId,
        [names.driverName]: description.name,
        [names.generation]: generation,
        [names.attempt]: effect.attempt,
      },
    }
  }
  const { appId, execId, application } = effect.launch
  return {
    launchName: spanNames.launchExecutor,
    runName: spanNames.runExecutor,
    attributes: {
      [names.applicationId]: appId,
      [names.applicationName]: application.name,
      [names.executorId]: `${appId}/${execId}`,
    },
  }
}
