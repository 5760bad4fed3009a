import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'

/** Bounds the lists of the catalogue, because even a legitimate peer may be confused. */
const LIST_MAX = innerLimits.listItems

/** A wrong value ends the check of its list, because checking ten thousand wrong values would cost 100 ms. */
const abort = { abort: true } as const

/** A name appears in logs and on terminals. */
export const name = z
  .string()
  .min(1, abort)
  .max(limits.nameChars, abort)
  .regex(/^\P{Cc}*$/u, { error: 'must have no control characters', ...abort })
export const text = z.string().max(limits.textChars, abort)
/** An argument or variable of a program. Only NUL is excluded, because it would end the text. */
const argument = z
  .string()
  .max(limits.argumentChars, abort)
  .regex(/^[^\0]*$/, { error: 'must have no NUL', ...abort })
export const count = z.int().min(0, abort)
export const positive = z.int().min(1, abort)
/** The formats of a store that a Master knows (`store-format.ts`). */
export const formatRange = z.object({ min: positive, max: positive })
/**
 * Wall clock, epoch milliseconds, up to the year 128,000. A Date can show it, even after a difference of
 * clocks is added, so that code that shows it never throws.
 */
export const wallTime = z.number().min(0, abort).max(4e15, abort)
export const port = z.int().min(0, abort).max(65_535, abort)
export const list = <T extends z.ZodType>(item: T) => z.array(item).max(LIST_MAX)

/** `firesteel://host:port`. */
export const masterAddress = z.string().max(limits.nameChars, abort).startsWith('firesteel://', abort)

/**
 * Custom resources held or offered: name -> addresses, such as `{gpu: ['0', '1']}` (Spark's
 * ResourceInformation).
 */
export const resourceAddresses = z.record(name, z.array(name).max(limits.resourceAddresses))
export type ResourceAddresses = z.infer<typeof resourceAddresses>

/**
 * Addresses of one resource; empty if there are none. A name may be a property of every object, like
 * `constructor`.
 */
export const addressesOf = (resources: ResourceAddresses, resource: string): readonly string[] =>
  (Object.hasOwn(resources, resource) ? resources[resource] : undefined) ?? []

/** Custom resources wanted: name -> how many (Spark's ResourceRequirement). */
export const resourceAmounts = z.record(name, positive)
export type ResourceAmounts = z.infer<typeof resourceAmounts>

/** Labels of a Worker, or those that a Worker must have: name -> value. */
export const labels = z.record(name, text)
export type Labels = z.infer<typeof labels>

/** True: these labels have every one of `wanted`, with the same value. */
export function labelsFit(found: Labels, wanted: Labels = {}): boolean {
  for (const key in wanted) if (!Object.hasOwn(found, key) || found[key] !== wanted[key]) return false
  return true
}

export const environment = z.record(
  z
    .string()
    .max(limits.nameChars)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
  argument,
)

/** (epoch, seq) of a commit, compared in that order (protocol 1). */
export const position = z.object({ epoch: count, seq: count })
export type Position = z.infer<typeof position>

/** With the owner, because two leaderships may have one epoch after the store fell back (protocol 12). */
export const ownedPosition = z.object({ epoch: count, seq: count, owner: name })
export type OwnedPosition = z.infer<typeof ownedPosition>

export const pastElection = z.object({ epoch: count, owner: name, base: position })
export type PastElection = z.infer<typeof pastElection>
/** The position at which a leadership found the store, and those of the elections before it (protocol 12). */
export const found = z.object({
  base: position,
  earlier: z.array(pastElection).max(limits.pastElections),
})

/**
 * The span that something belongs to, as `readContext` reads it. Whoever uses it reads it so: a malformed one
 * is dropped, and what carries it is taken.
 */
export const carriedContext = z.unknown().optional()

/**
 * The keys that the work of this message needs, sealed for the Worker to which it goes (protocol 16). A trace
 * does not show them, because of their name. Absent: that Worker derives them.
 */
export const credentials = z.string().max(innerLimits.credentialsChars).optional()

/** States as Spark spells them. */
export const recoveryStates = ['STANDBY', 'RECOVERING', 'COMPLETING_RECOVERY', 'ALIVE'] as const
export type RecoveryState = (typeof recoveryStates)[number]

export const workerStates = ['ALIVE', 'DEAD', 'DECOMMISSIONED', 'UNKNOWN'] as const
export type WorkerState = (typeof workerStates)[number]

export const applicationStates = ['WAITING', 'RUNNING', 'FINISHED', 'FAILED', 'KILLED', 'UNKNOWN'] as const
export type ApplicationState = (typeof applicationStates)[number]

export const driverStates = [
  'SUBMITTED',
  'RUNNING',
  'FINISHED',
  'RELAUNCHING',
  'UNKNOWN',
  'KILLED',
  'FAILED',
  'ERROR',
] as const
export type DriverState = (typeof driverStates)[number]

export const executorStates = [
  'LAUNCHING',
  'RUNNING',
  'KILLED',
  'FAILED',
  'LOST',
  'EXITED',
  'DECOMMISSIONED',
] as const
export type ExecutorState = (typeof executorStates)[number]

const endedExecutor: ReadonlySet<ExecutorState> = new Set(['KILLED', 'FAILED', 'LOST', 'EXITED'])
/** DECOMMISSIONED is deliberately no end: the process still runs and holds resources (Spark). */
export const isEndedExecutor = (state: ExecutorState): boolean => endedExecutor.has(state)

/** What `status` shows beside Spark's states: it rests between two attempts; it was told to end. */
export const shownDriverStates = [...driverStates, 'RESTARTING', 'KILLING'] as const
export type ShownDriverState = (typeof shownDriverStates)[number]

const endedDriver: ReadonlySet<ShownDriverState> = new Set(['FINISHED', 'KILLED', 'FAILED', 'ERROR'])
export const isEndedDriver = (state: ShownDriverState): boolean => endedDriver.has(state)

/**
 * A part of a description that is stored: it keeps fields that it does not know, because a later release may
 * have written them (docs/compatibility.md).
 */
const stored = <S extends Readonly<Record<string, z.ZodType>>>(shape: S) =>
  z.object(shape).loose() as unknown as ReturnType<typeof z.object<S>>

/** What each executor of an application needs. */
export const executorRequest = stored({
  cores: positive.optional(),
  memoryMib: positive,
  resources: resourceAmounts,
  /** Only Workers with these labels are used. */
  on: labels.optional(),
  /** Tasks at a time on each core; absent: 1. The scheduling does not look at it: a core is given once. */
  tasksPerCore: positive.max(limits.tasksPerCore, abort).optional(),
  /** An executor that was given so many tasks is replaced. */
  maxTasks: positive.optional(),
  /** An executor whose processes use more at a look is replaced between two tasks. */
  maxMemoryMib: positive.optional(),
})

/** Where the code of an application lies, so that a Worker knows whether it sees the same files. */
export const codePlace = z.object({ machine: name, uid: z.int() })
export type CodePlace = z.infer<typeof codePlace>

/** The code of a driver: its id, and the folder where it lay on the machine of its submitter. */
const driverCode = stored({ id: z.string().regex(/^[0-9a-f]{64}$/), root: text })

/** An application as its driver describes it (Spark's ApplicationDescription). */
export const applicationDescription = stored({
  name,
  /** Total cores wanted; absent: scheduling.defaultCores. */
  maxCores: positive.optional(),
  executor: executorRequest,
  /** The most executors; absent: as many as the cores allow. */
  executorLimit: count.optional(),
  user: name,
  /** Working folder and environment of the executors. */
  cwd: text,
  env: environment,
  nodeOptions: z.array(text).max(limits.nodeOptions),
  /** A Worker that does not see the driver's files asks the driver for its code; absent: no code travels. */
  code: stored(codePlace.shape).optional(),
})
export type ApplicationDescription = z.infer<typeof applicationDescription>

/**
 * What is shown of an application and kept after its end. It has no environment, which may be large and
 * secret.
 */
export const applicationSummary = applicationDescription.pick({
  name: true,
  maxCores: true,
  executor: true,
  user: true,
})
export type ApplicationSummary = z.infer<typeof applicationSummary>

export function summaryOfApplication({
  name,
  maxCores,
  executor,
  user,
}: ApplicationSummary): ApplicationSummary {
  return { name, ...(maxCores !== undefined && { maxCores }), executor, user }
}

export const isolationModes = ['run', 'stop'] as const

/** Signals by which a program may be told to end. SIGKILL follows after its grace anyway. */
export const stopSignals = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const

const probePort = z.int().min(1, abort).max(65_535, abort)
const probePath = z
  .string()
  .max(limits.probePathChars, abort)
  .regex(/^\/[\x21-\x7e]*$/, { error: 'must be a path such as /ready', ...abort })

/** When a program can be relied on: its port is open, its path answers, or it has printed this line. */
export const readiness = stored({
  port: probePort.optional(),
  /** With `port`: HTTP GET of it answers with 200 to 399. */
  path: probePath.optional(),
  /** A part of a line on standard output. */
  line: z.string().min(1, abort).max(limits.probeLineChars, abort).optional(),
}).refine(
  ({ port, path, line }) => (port === undefined) !== (line === undefined) && !(line !== undefined && path),
  {
    error: 'must have a port (and maybe a path), or a line',
  },
)
export type Readiness = z.infer<typeof readiness>

/** Looked at while it runs; after so many failures in a row its process is stopped. */
export const healthcheck = stored({
  port: probePort,
  path: probePath.optional(),
  everyMs: positive.min(limits.probeLeastMs, abort).max(limits.probeMostMs, abort).optional(),
  failures: positive.max(limits.probeFailuresMost, abort).optional(),
})
export type Healthcheck = z.infer<typeof healthcheck>

/** A program for the cluster (Spark's DriverDescription). */
export const driverDescription = stored({
  name,
  /** Absolute path of the program on the Worker. */
  main: text,
  args: z.array(argument).max(limits.arguments),
  cwd: text,
  cores: positive,
  memoryMib: positive,
  resources: resourceAmounts,
  /** Only Workers with these labels are used. */
  on: labels.optional(),
  supervise: z.boolean(),
  /** A supervised driver that fails more often than this, within the window, has FAILED; absent: no limit. */
  maxRestarts: count.max(limits.maxRestarts).optional(),
  /** Absent: its whole life counts. */
  restartWindowMs: positive.optional(),
  /** A process that runs longer is told to end, and has failed. */
  timeoutMs: positive.max(limits.timerMostMs, abort).optional(),
  /** Absent: SIGTERM. */
  stopSignal: z.enum(stopSignals).optional(),
  /** From this signal to SIGKILL; absent: killGraceMs. */
  stopGraceMs: count.max(limits.stopGraceMostMs, abort).optional(),
  readiness: readiness.optional(),
  healthcheck: healthcheck.optional(),
  onIsolation: z.enum(isolationModes),
  env: environment,
  nodeOptions: z.array(text).max(limits.nodeOptions),
  /** Absent: its program lies at the same path on every Worker. */
  code: driverCode.optional(),
})
export type DriverDescription = z.infer<typeof driverDescription>

/**
 * What is shown of a driver and kept after its end. It has no arguments and environment, which may be large
 * and secret.
 */
export const driverSummary = driverDescription.pick({
  name: true,
  main: true,
  cores: true,
  memoryMib: true,
  resources: true,
  on: true,
  supervise: true,
})
export type DriverSummary = z.infer<typeof driverSummary>

export function summaryOfDriver(description: DriverSummary): DriverSummary {
  const { name, main, cores, memoryMib, resources, on, supervise } = description
  return { name, main, cores, memoryMib, resources, ...(on && { on }), supervise }
}

/**
 * One incarnation of a cluster driver. They are ordered by (launchedUnder, generation, attempt), protocol 9.
 */
export const driverIncarnation = z.object({ id: name, generation: positive, attempt: positive })
export type DriverIncarnation = z.infer<typeof driverIncarnation>

/** An error in place of any answer: the request was refused or not done, with a stable code. */
export const failure = z.object({
  type: z.literal('Failure'),
  code: name,
  message: text,
  help: text.optional(),
  place: text.optional(),
  /** With NOT_LEADER: the address of the leader, if known. */
  leader: masterAddress.optional(),
})
export type Failure = z.infer<typeof failure>
