import { access, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatMasterAddresses, parseMasterAddresses } from '../../runtime/addresses.js'
import { programs } from '../../runtime/built-file.js'
import { requireInRoots } from '../../runtime/code/allowed-roots.js'
import type { MadeCode } from '../../runtime/code/code-maker.js'
import { type CodeFolders, pathIn } from '../../runtime/code/path-in.js'
import { FiresteelError } from '../../runtime/errors.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { type CommandLine, heapOptions, mainCommand } from '../../runtime/process/node-command.js'
import type { Cause } from '../../runtime/system/envelope.js'
import { type TraceContext, traceEnvironment } from '../../runtime/telemetry/trace-context.js'
import { caToldOf } from '../../runtime/tls/tls-told.js'
import type { DriverBoot } from '../client/boot.js'
import type { ExecutorBoot } from '../executor/boot.js'
import type { LaunchDriver } from '../messages/drivers.js'
import type { LaunchExecutor } from '../messages/executors.js'
import { requireAllowed } from './allowed-launch.js'
import { applicationKey, driverKey } from './work-keys.js'
import type { WorkerConfig } from './worker-config.js'

/** All that is needed to start one process. */
export interface ChildPlan extends CommandLine {
  /** Path segments of its output folder, below the work folder. */
  readonly folder: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Written to descriptor 3, because credentials never go by argv or environment. */
  readonly boot: string
  readonly memoryMib: number
  /** Absent: 1. */
  readonly cores?: number
  /** Above it an executor is replaced between two tasks. */
  readonly maxMemoryMib?: number | undefined
  /** Of a driver: its attempts are listed beside its outputs. */
  readonly attempt?: { readonly generation: number; readonly attempt: number }
}

/** Variables that Firesteel sets for a driver and removes for an executor. Users cannot set them. */
type OwnVariables = Record<
  | 'FIRESTEEL_MASTER'
  | 'FIRESTEEL_DRIVER_ID'
  | 'FIRESTEEL_GENERATION'
  | 'FIRESTEEL_ATTEMPT'
  | 'FIRESTEEL_RESOURCES',
  string | undefined
>

const NO_VARIABLES: OwnVariables = {
  FIRESTEEL_MASTER: undefined,
  FIRESTEEL_DRIVER_ID: undefined,
  FIRESTEEL_GENERATION: undefined,
  FIRESTEEL_ATTEMPT: undefined,
  FIRESTEEL_RESOURCES: undefined,
}

const EXECUTOR_MAIN = fileURLToPath(programs.executor)

/**
 * Throws FOLDER_MISSING, MAIN_NOT_FOUND, CODE_NOT_ALLOWED, ENV_NOT_ALLOWED, SPAWN_FAILED. `masters` are the
 * addresses of all Masters known now.
 */
export async function driverPlan(
  launch: LaunchDriver,
  attempt: number,
  config: WorkerConfig,
  masters: readonly string[],
  trace?: TraceContext,
  code?: CodeHere,
): Promise<ChildPlan> {
  const { driverId, generation, description, resources } = launch
  const { main: given, args, memoryMib, nodeOptions, env } = description
  const cwd = code ? await workingFolder(code, description.cwd, config, [driverId]) : description.cwd
  if (!code) await checkFolder(cwd, config)
  const there = isAbsolute(given) ? given : resolve(description.cwd, given)
  const main = code ? (pathIn(code, there) ?? there) : there
  await checkMain(main, config)
  if (config.codeRoots) await requireInRoots(main, config.codeRoots, hostOf(config))
  requireAllowed(description, config)
  const subject = `${driverId}/${generation}`
  const boot: DriverBoot = {
    cluster: config.cluster,
    masters,
    role: 'driver',
    subject,
    key: driverKey(launch, config).toString('base64'),
    driver: { id: driverId, generation, attempt },
    ...(config.tls && { tls: caToldOf(config.tls) }),
  }
  const own: OwnVariables = {
    FIRESTEEL_MASTER: formatMasterAddresses(masters.flatMap(parseMasterAddresses)),
    FIRESTEEL_DRIVER_ID: driverId,
    FIRESTEEL_GENERATION: String(generation),
    FIRESTEEL_ATTEMPT: String(attempt),
    FIRESTEEL_RESOURCES: Object.keys(resources).length > 0 ? JSON.stringify(resources) : undefined,
  }
  const line = mainCommand({ main, args, memoryMib, nodeOptions })
  return {
    ...line,
    folder: [driverId],
    attempt: { generation, attempt },
    cwd,
    env: childEnvironment({ ...homeOf(config), ...env, ...line.env, ...traceEnvironment(trace), ...own }),
    boot: `${JSON.stringify(boot)}\n`,
    memoryMib,
    cores: description.cores,
  }
}

/** What led to a launch: the span that it belongs to, and the message as traces name it. */
export interface LaunchOrigin {
  readonly trace?: TraceContext | undefined
  readonly cause?: Pick<Cause, 'id' | 'trace'> | undefined
}

/** Throws FOLDER_MISSING, CODE_NOT_ALLOWED, ENV_NOT_ALLOWED. */
export async function executorPlan(
  launch: LaunchExecutor,
  config: WorkerConfig,
  workerId: string,
  { trace, cause }: LaunchOrigin = {},
  code?: CodeHere,
  main: string = EXECUTOR_MAIN,
): Promise<ChildPlan> {
  const { appId, execId, cores, memoryMib, resources, application, driver } = launch
  const folder = [appId, String(execId)]
  const cwd = code ? await workingFolder(code, application.cwd, config, folder) : application.cwd
  if (!code) await checkFolder(cwd, config)
  requireAllowed(application, config)
  const boot: ExecutorBoot = {
    cluster: config.cluster,
    driver,
    appId,
    execId,
    workerId,
    host: config.advertise ?? config.host,
    cores,
    tasksPerCore: application.executor.tasksPerCore ?? 1,
    memoryMib,
    resources,
    key: applicationKey(launch, config).toString('base64'),
    ...(config.tls && { tls: true as const }),
    ...(cause && { cause: { id: cause.id, trace: cause.trace } }),
    applicationTimeoutMs: config.applicationTimeoutMs,
    ...(code && { code }),
    ...(config.codeRoots && { codeRoots: config.codeRoots }),
  }
  return {
    command: process.execPath,
    args: [...heapOptions(memoryMib, 1 + cores), ...application.nodeOptions, main],
    folder,
    cwd,
    env: childEnvironment({
      ...homeOf(config),
      ...application.env,
      ...traceEnvironment(trace),
      ...NO_VARIABLES,
    }),
    boot: `${JSON.stringify(boot)}\n`,
    memoryMib,
    cores,
    maxMemoryMib: application.executor.maxMemoryMib,
  }
}

/** The code of a driver or an application in the cache of this Worker. */
export type CodeHere = CodeFolders

/** Undefined: it uses the files at the paths that its driver names. */
export const codeHere = (made: MadeCode | undefined): CodeHere | undefined =>
  made?.root === undefined ? undefined : { root: made.root, folder: made.folder }

/**
 * Where it began on its own machine, if that is a part of the code; else its work folder, which it may fill.
 */
async function workingFolder(
  code: CodeHere,
  cwd: string,
  { workDir }: WorkerConfig,
  folder: readonly string[],
): Promise<string> {
  const here = pathIn(code, cwd)
  // A folder without files, or one that stayed behind, did not travel.
  return here !== undefined && (await isFolder(here)) ? here : join(workDir, ...folder)
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true

async function checkFolder(cwd: string, config: WorkerConfig): Promise<void> {
  if (isAbsolute(cwd) && (await isFolder(cwd))) return
  const text = `the working folder ${cwd || '(none named)'} does not exist on ${hostOf(config)}`
  throw new FiresteelError('FOLDER_MISSING', text, { place: cwd })
}

async function checkMain(main: string, config: WorkerConfig): Promise<void> {
  try {
    await access(main)
  } catch (cause) {
    throw new FiresteelError('MAIN_NOT_FOUND', `${main} does not exist on ${hostOf(config)}`, {
      place: main,
      cause,
    })
  }
}

/** Programs look there for their settings, and ours are closed to that user. */
const homeOf = ({ runAs }: WorkerConfig): Readonly<Record<string, string>> =>
  runAs ? { HOME: runAs.home } : {}

const hostOf = (config: WorkerConfig): string => config.advertise ?? config.host
