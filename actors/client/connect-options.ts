import { statSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { checkKnownOptions, holdsFields, isPlainObject } from '../../runtime/known-options.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import { protoKeyPath, protoKeyRule } from '../../runtime/proto-key.js'
import type { TlsFiles } from '../../runtime/tls/material.js'
import { parseDurationMs, parseMemoryMib } from '../../runtime/units.js'
import { type ApplicationDescription, applicationDescription, type Labels } from '../messages/common.js'
import { oversizeOf, recordTooLarge } from '../messages/record-size.js'
import type { TaskPoolLimits } from '../tasks/task-pool-types.js'
import type { EmbeddedOptions } from './embedded-cluster.js'
import type { ExecutorListenerOptions } from './executor-listener.js'
import type { OutputLine } from './output-pieces.js'
import { userName } from './user-name.js'

/** The capacity and environment of each executor of an application. */
export interface ExecutorOptions {
  /** Default 1. */
  readonly cores?: number
  /**
   * Tasks at a time on each core; default 1. While a task waits, for the network or a timer, others run on
   * the same thread. A task that computes, or blocks its thread, delays them.
   */
  readonly tasksPerCore?: number
  /** `512m`, `4g`, or a number of MiB; default `512m`. */
  readonly memory?: string | number
  /** An executor that was given so many tasks is replaced when they have ended; default: never. */
  readonly maxTasks?: number
  /**
   * An executor whose processes use more (`400m`, or a number of MiB) is replaced between two tasks; default:
   * never. At `memory` it is killed.
   */
  readonly maxMemory?: string | number
  /** Custom resources, such as `{ gpu: 1 }`. */
  readonly resources?: Readonly<Record<string, number>>
  /** Only Workers with these labels get executors, such as `{ zone: 'a' }`. */
  readonly on?: Readonly<Record<string, string>>
  /** Environment variables. Of the Worker's own only PATH, HOME, LANG, TZ and TMPDIR are inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** Options of Node itself, such as `--enable-source-maps`. */
  readonly nodeOptions?: readonly string[]
  /**
   * An executor without a task for this long is given back, and asked for again when there is work: `60s`
   * (default), milliseconds, or Infinity for never.
   */
  readonly idleTimeout?: string | number
}

export interface ConnectOptions {
  /** Shown in status and pages; default: the name of the program. */
  readonly name?: string
  /** Cores of all executors together; default: the Master's default, which is unlimited. */
  readonly cores?: number
  readonly executor?: ExecutorOptions
  /** The most executors; default: as many as the cores allow. `requestExecutors` changes it. */
  readonly executors?: number
  /** Aborting it closes the application. */
  readonly signal?: AbortSignal
  /** How long the registration may take: `30s` (default) or milliseconds. */
  readonly masterTimeout?: string | number
  /** The cluster's secret; default: FIRESTEEL_SECRET, else a credential, else `.firesteel/secret`. */
  readonly secret?: string
  /**
   * Files (PEM) of a cluster with TLS: its CA, and a certificate of our own if there is one. Default:
   * FIRESTEEL_TLS_CA, FIRESTEEL_TLS_CERT and FIRESTEEL_TLS_KEY, else what `up` wrote.
   */
  readonly tls?: TlsFiles
  /**
   * A token; default: FIRESTEEL_TOKEN, else a credential, else `.firesteel/token`. It goes before a secret
   * that is found.
   */
  readonly token?: string
  /** Where executors reach this process. It is needed only behind address translation. */
  readonly listen?: ExecutorListenerOptions
  /**
   * The folder whose files travel to Workers that do not see them, such as `new URL('.', import.meta.url)`;
   * default: that of the nearest package.json above the first task module. `false`: none, and task modules
   * lie at the same path on every Worker.
   */
  readonly code?: URL | string | false
  /** The most bytes of one task's input and of its result, 64 MiB each, and of the code, 256 MiB. */
  readonly limits?: Partial<TaskPoolLimits & { readonly maxCodeBytes: number }>
  /** The embedded cluster of `connect('local')`; default: one Worker with this machine's cores. */
  readonly local?: { readonly workers?: number; readonly cores?: number; readonly memory?: string | number }
  /**
   * Default true: once a second the Master is told how the tasks fare, for the page of the application:
   * counts, the slowest tasks, and the texts of the last errors. False: it is told nothing of them.
   */
  readonly summaries?: boolean
  /**
   * Shows what the executors print, line by line, with executor, task and attempt: `true` on standard error,
   * or a function that is given each line. Default false: only their Workers keep it.
   */
  readonly output?: boolean | ((line: OutputLine) => void)
  /** Default: a log of warnings to stderr. */
  readonly log?: Log
}

export interface ConnectSettings {
  readonly description: ApplicationDescription
  readonly embedded: EmbeddedOptions
  readonly masterTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Absolute path; undefined: the default; false: no code travels. */
  readonly codeFolder: string | undefined | false
}

const OPTIONS: readonly (keyof ConnectOptions)[] = [
  'name',
  'cores',
  'executor',
  'executors',
  'signal',
  'masterTimeout',
  'secret',
  'tls',
  'token',
  'listen',
  'code',
  'limits',
  'local',
  'summaries',
  'output',
  'log',
]
const EXECUTOR_OPTIONS: readonly (keyof ExecutorOptions)[] = [
  'cores',
  'tasksPerCore',
  'memory',
  'maxTasks',
  'maxMemory',
  'resources',
  'on',
  'env',
  'nodeOptions',
  'idleTimeout',
]
const EXECUTOR_MEMORY = '512m'
const USAGE = 'See the options of connect() in docs/library.md.'

function refuse(place: string, message: string): never {
  throw new FiresteelError('USAGE', message, { place, help: USAGE })
}

/** Checks the options and completes them. Throws USAGE, naming the option. */
export function connectSettings(options: ConnectOptions, cwd: string): ConnectSettings {
  known(options, OPTIONS, 'connect()')
  const { executor = {}, signal, name, cores, executors } = options
  known(executor, EXECUTOR_OPTIONS, 'executor')
  known(options.listen ?? {}, ['host', 'port', 'advertise'], 'listen')
  checkTls(options.tls)
  known(options.limits ?? {}, ['maxInputBytes', 'maxResultBytes', 'maxCodeBytes'], 'limits')
  for (const [key, value] of Object.entries(options.limits ?? {})) atLeast(1, value, `limits.${key}`)
  if (signal !== undefined && !(signal instanceof AbortSignal))
    refuse('signal', 'signal must be an AbortSignal.')
  checkListen(options.listen ?? {})
  if (options.log !== undefined) checkLog(options.log)
  checkBoolean(options.summaries, 'summaries')
  if (typeof options.output !== 'function') checkBoolean(options.output, 'output')
  checkString(name, 'name')
  checkString(options.secret, 'secret')
  checkString(options.token, 'token')
  if (options.secret !== undefined && options.token !== undefined)
    refuse('token', 'secret and token exclude each other.')
  const each = atLeast(1, executor.cores ?? 1, 'executor.cores')
  if (cores !== undefined && atLeast(1, cores, 'cores') < each) {
    refuse('cores', `cores is ${cores}, less than the ${each} of one executor: no executor could ever start.`)
  }
  if (executors !== undefined) atLeast(0, executors, 'executors')
  const tasksPerCore = tasksPerCoreOf(executor)
  const description: ApplicationDescription = {
    name: name || programName(),
    ...(cores !== undefined && { maxCores: cores }),
    executor: {
      cores: each,
      memoryMib: parseMemoryMib(executor.memory ?? EXECUTOR_MEMORY, { what: 'executor.memory' }),
      resources: resourcesOf(executor.resources ?? {}),
      ...(executor.on !== undefined && { on: labelsOf(executor.on) }),
      ...(tasksPerCore !== undefined && { tasksPerCore }),
      ...limitsOf(executor),
    },
    ...(executors !== undefined && { executorLimit: executors }),
    user: userName(),
    cwd,
    env: variablesOf(executor.env ?? {}),
    nodeOptions: nodeOptionsOf(executor.nodeOptions ?? []),
  }
  const masterTimeoutMs = parseDurationMs(options.masterTimeout ?? limits.masterTimeoutMs, {
    what: 'masterTimeout',
  })
  const idleTimeoutMs = idleTimeoutOf(executor.idleTimeout ?? limits.idleTimeoutMs)
  return {
    description: valid(description),
    embedded: embeddedOf(options),
    masterTimeoutMs,
    idleTimeoutMs,
    codeFolder: codeFolderOf(options.code, cwd),
  }
}

function codeFolderOf(code: unknown, cwd: string): string | undefined | false {
  if (code === undefined || code === false) return code
  const help = "Write code: new URL('.', import.meta.url), or the path of a folder."
  if (!(code instanceof URL) && typeof code !== 'string') {
    const message = 'code must be the URL or path of a folder, or false.'
    throw new FiresteelError('USAGE', message, { place: 'code', help })
  }
  let path: string
  try {
    const isUrl = code instanceof URL || code.startsWith('file:')
    path = isUrl ? fileURLToPath(code) : resolve(cwd, code)
  } catch {
    const message = `code is ${String(code)}, which is no file URL.`
    throw new FiresteelError('USAGE', message, { place: 'code', help })
  }
  return folder(path)
}

/** Otherwise it would be noticed only once a Worker lacks a module, which may be months later. */
function folder(path: string): string {
  let why = 'which is no folder'
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path
  } catch (error) {
    why = `which cannot be looked at: ${reasonOf(error)}`
  }
  return refuse('code', `code is ${path}, ${why}.`)
}

/** Infinity: idle executors are kept. */
function idleTimeoutOf(value: string | number): number {
  if (value === Number.POSITIVE_INFINITY) return value
  return parseDurationMs(value, { what: 'executor.idleTimeout' })
}

function embeddedOf({ local = {}, signal }: ConnectOptions): EmbeddedOptions {
  known(local, ['workers', 'cores', 'memory'], 'local')
  const { workers, cores, memory } = local
  return {
    workers: workers === undefined ? undefined : atLeast(1, workers, 'local.workers'),
    cores: cores === undefined ? undefined : atLeast(1, cores, 'local.cores'),
    memoryMib: memory === undefined ? undefined : parseMemoryMib(memory, { what: 'local.memory' }),
    signal,
  }
}

/** Checks against the catalogue, because a Master would drop a message that breaks its rules. */
function valid(description: ApplicationDescription): ApplicationDescription {
  const proto = protoKeyPath(description)?.join('.')
  if (proto !== undefined) return refuse(proto, `${proto} ${protoKeyRule}.`)
  const parsed = applicationDescription.safeParse(description)
  if (parsed.success) {
    const oversize = oversizeOf(description)
    if (oversize) throw recordTooLarge(oversize, '')
    return description
  }
  const issue = parsed.error.issues[0]
  const place = issue?.path.join('.') ?? 'options'
  return refuse(place, `${place} is not acceptable: ${issue?.message}.`)
}

function known(value: unknown, names: readonly string[], what: string): void {
  checkKnownOptions(value, { what, names, help: USAGE })
}

function labelsOf(on: unknown): Labels {
  if (!isPlainObject(on))
    refuse('executor.on', "executor.on must name labels and their values, such as { zone: 'a' }.")
  for (const [name, value] of Object.entries(on)) checkString(value, `executor.on.${name}`)
  return { ...(on as Labels) }
}

function checkListen({ host, port, advertise }: ExecutorListenerOptions): void {
  if (port !== undefined && atLeast(0, port, 'listen.port') > 65_535) {
    refuse('listen.port', `listen.port is ${port}; the highest port is 65535.`)
  }
  checkString(host, 'listen.host')
  checkString(advertise, 'listen.advertise')
}

function checkTls(tls: unknown): void {
  if (tls === undefined) return
  known(tls, ['ca', 'cert', 'key', 'crl'], 'tls')
  const files = tls as Record<string, unknown>
  if (files.ca === undefined) refuse('tls.ca', 'tls.ca is missing: the file with the CA of the nodes.')
  for (const [name, file] of Object.entries(files)) checkString(file, `tls.${name}`)
}

function checkString(value: unknown, what: string): void {
  if (value !== undefined && typeof value !== 'string') refuse(what, `${what} must be a string.`)
}

function checkBoolean(value: unknown, what: string): void {
  if (value !== undefined && typeof value !== 'boolean') refuse(what, `${what} must be true or false.`)
}

const LOG_METHODS = ['error', 'warn', 'info', 'debug', 'isEnabled', 'child'] satisfies (keyof Log)[]

function checkLog(log: unknown): void {
  const methods = (typeof log === 'object' && log !== null ? log : {}) as Record<string, unknown>
  const missing = LOG_METHODS.find((name) => typeof methods[name] !== 'function')
  if (missing !== undefined)
    refuse('log', `log has no method ${missing}; it needs ${LOG_METHODS.join(', ')}.`)
}

/** Checks for a whole number from `least`. Throws USAGE. */
export function atLeast(least: number, value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
  return refuse(what, `${what} is ${String(value)}; it must be a whole number from ${least}.`)
}

/** After how many tasks, or above what memory, an executor is replaced. */
function limitsOf({ maxTasks, maxMemory, memory = EXECUTOR_MEMORY }: ExecutorOptions) {
  if (maxTasks !== undefined) atLeast(1, maxTasks, 'executor.maxTasks')
  if (maxMemory === undefined) return maxTasks === undefined ? {} : { maxTasks }
  const maxMemoryMib = parseMemoryMib(maxMemory, { what: 'executor.maxMemory' })
  const memoryMib = parseMemoryMib(memory, { what: 'executor.memory' })
  if (maxMemoryMib >= memoryMib)
    refuse(
      'executor.maxMemory',
      `executor.maxMemory is ${maxMemoryMib} MiB; it must be below executor.memory, ${memoryMib} MiB.`,
    )
  return { ...(maxTasks !== undefined && { maxTasks }), maxMemoryMib }
}

function tasksPerCoreOf({ tasksPerCore }: ExecutorOptions): number | undefined {
  if (tasksPerCore === undefined) return undefined
  const place = 'executor.tasksPerCore'
  if (atLeast(1, tasksPerCore, place) <= limits.tasksPerCore) return tasksPerCore
  return refuse(place, `${place} is ${tasksPerCore}; at most ${limits.tasksPerCore} are possible.`)
}

function resourcesOf(resources: unknown): Record<string, number> {
  if (!isPlainObject(resources)) {
    return refuse('executor.resources', 'executor.resources must be a plain object such as { gpu: 1 }.')
  }
  const entries = Object.entries(resources)
  return Object.fromEntries(
    entries.map(([name, count]) => [name, atLeast(1, count, `executor.resources.${name}`)]),
  )
}

function variablesOf(env: unknown): Record<string, string> {
  // process.env is an object of its own kind.
  if (!holdsFields(env))
    return refuse('executor.env', "executor.env must be an object such as { STAGE: 'test' }.")
  return { ...(env as Record<string, string>) }
}

function nodeOptionsOf(options: unknown): string[] {
  // The letters of a text would be its items.
  if (!Array.isArray(options))
    return refuse(
      'executor.nodeOptions',
      "executor.nodeOptions must be a list such as ['--enable-source-maps'].",
    )
  return [...(options as string[])]
}

function programName(): string {
  const main = process.argv[1]
  return main === undefined ? 'application' : basename(main, extname(main)) || 'application'
}
