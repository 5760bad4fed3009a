/**
 * Every error code of Firesteel, declared once: what it means and what to do. Codes are API: users match
 * codes, never texts. `docs/errors.md` is generated from this table.
 */
export interface CodeEntry {
  /** What happened, for the reference page. */
  readonly meaning: string
  /** What the reader can do about it. */
  readonly help: string
  /** Exit code of a command that ends with this error. */
  readonly exit: 1 | 2 | 3 | 4
}

export const errorCodes = {
  // Usage and configuration
  USAGE: {
    meaning: 'A command line could not be understood.',
    help: 'Run the command with --help.',
    exit: 2,
  },
  CONFIG_UNREADABLE: {
    meaning: 'A deployment file could not be read or is not YAML.',
    help: 'Check the path and the place named.',
    exit: 2,
  },
  CONFIG_UNKNOWN_KEY: {
    meaning: 'A deployment file has a key that does not exist.',
    help: 'Use the nearest key named in the message.',
    exit: 2,
  },
  CONFIG_INVALID: {
    meaning: 'A value in a deployment file breaks its rule.',
    help: 'Change the value at the place named.',
    exit: 2,
  },
  CONFIG_CONFLICT: {
    meaning: 'Settings contradict each other.',
    help: 'Change one of the settings named.',
    exit: 2,
  },
  SECRET_MISSING: {
    meaning: 'No cluster secret was found.',
    help: 'Set FIRESTEEL_SECRET or run the command where `firesteel up` made .firesteel/secret.',
    exit: 2,
  },
  TOKEN_INVALID: {
    meaning: 'What was given as a token is none, or the time of the token is over.',
    help: 'Ask an admin of the cluster for a token (`firesteel token create`).',
    exit: 4,
  },
  TOKEN_IN_USE: {
    meaning: 'A second process would join with the token of a Worker that counts as alive. It waits.',
    help: 'Make a token for each Worker. If the other process is not yours, revoke the token and make another.',
    exit: 4,
  },
  SECRET_TOO_SHORT: {
    meaning: 'The cluster secret has fewer than 32 bytes.',
    help: 'Let `firesteel up` make one, or take a random one: `openssl rand -hex 32`.',
    exit: 2,
  },
  CERTIFICATE_INVALID: {
    meaning: 'A file of security.tls cannot be read, is no PEM, or does not fit the others.',
    help: 'Replace the file named; `firesteel check` says what fits, `firesteel cert issue` makes one.',
    exit: 2,
  },
  NOT_IN_RELEASE: {
    meaning: 'A setting is valid, but this release does not support it.',
    help: 'Use another setting; see docs/configuration.md.',
    exit: 2,
  },
  ALREADY_UP: {
    meaning: 'A cluster that `firesteel up` started in this folder is still running.',
    help: 'Stop it with `firesteel down`, or run this one in another folder.',
    exit: 2,
  },
  PORT_IN_USE: {
    meaning: 'A port that this node must listen on is taken.',
    help: 'Choose another port, or 0 for any free one.',
    exit: 2,
  },
  LISTEN_FAILED: {
    meaning: 'A host and port that this node must listen on could not be opened.',
    help: 'Check that the host is an address of this machine and the port is allowed.',
    exit: 2,
  },
  ADDRESS_INVALID: {
    meaning: 'A Master address is not of the form firesteel://host:port[,host:port...].',
    help: 'Correct the address.',
    exit: 2,
  },
  MAIN_NOT_FOUND: { meaning: 'The program to run does not exist.', help: 'Check the path.', exit: 2 },
  PATH_NOT_FOUND: {
    meaning: 'A file or folder named on the command line does not exist, or cannot be read or written.',
    help: 'Check the path.',
    exit: 2,
  },
  OTLP_MISSING: {
    meaning: 'A node has tracing.otlp, and a package of OpenTelemetry that it needs cannot be loaded.',
    help: 'Install the packages of OpenTelemetry (docs/telemetry.md), or leave tracing.otlp out.',
    exit: 2,
  },
  TRACE_FILE_INVALID: {
    meaning: 'A file for `firesteel trace show` is no recorded trace, or the line named is broken.',
    help: 'Give a file that `firesteel trace record` of this release wrote.',
    exit: 2,
  },
  RECORDING_INVALID: {
    meaning: 'A file for `firesteel replay` is no recording of a Master, or the line named is damaged.',
    help: 'Give a segment that a Master wrote (tracing.record). With --to N what stands before the line is replayed.',
    exit: 2,
  },
  RECORDING_OTHER_RELEASE: {
    meaning: 'A recording was made by another release, whose Masters may decide otherwise.',
    help: 'Replay it with the release that is named.',
    exit: 2,
  },
  RECORDING_LACKS_INPUT: {
    meaning: 'A segment of a recording has no input of the number that was asked for.',
    help: 'Give one that it has. `firesteel replay FILE` says how many there are, and the segments before and after it have the others.',
    exit: 2,
  },
  REPLAY_DIFFERS: {
    meaning: 'A Master decided otherwise in a replay than when it was recorded: a defect of Firesteel.',
    help: 'Please report it, with the release and what is printed. The recording holds environments and arguments of programs.',
    exit: 1,
  },
  // Connections and handshakes
  SECRET_WRONG: {
    meaning: 'The other side refused the proof of the cluster secret: the two secrets differ.',
    help: 'Give this process the secret of that cluster (FIRESTEEL_SECRET or .firesteel/secret).',
    exit: 4,
  },
  CREDENTIAL_ENDED: {
    meaning:
      'The credential is not in force: the token was revoked or has ended, or the driver has ended or was replaced.',
    help: 'Ask for a new token (`firesteel token create`). A program that has been replaced ends by itself.',
    exit: 4,
  },
  CLUSTER_MISMATCH: {
    meaning: 'The peer belongs to another cluster.',
    help: 'Check the address and the cluster name.',
    exit: 4,
  },
  VERSION_UNSUPPORTED: {
    meaning:
      'This program and the peer, the leader of the cluster or the store have no protocol version in common.',
    help: 'Upgrade the older side, one release at a time: docs/compatibility.md.',
    exit: 4,
  },
  HANDSHAKE_FAILED: {
    meaning: 'A connection ended or timed out before both sides had proved the secret.',
    help: 'Check that the address is a port of a Firesteel node.',
    exit: 4,
  },
  TLS_MISMATCH: {
    meaning: 'One side of a connection uses TLS and the other does not.',
    help: 'Give all nodes security.tls, or none; a client needs the CA of the cluster (FIRESTEEL_TLS_CA): docs/security.md.',
    exit: 4,
  },
  CERTIFICATE_REFUSED: {
    meaning:
      'A certificate is not accepted: of another CA, expired, revoked, for another host, or missing where a node needs one.',
    help: 'Issue a certificate with the host by which it is dialled, from a CA that both sides trust: `firesteel cert issue`.',
    exit: 4,
  },
  FRAME_INVALID: {
    meaning: 'A peer sent bytes that are not a frame or a message, or a message that is too large.',
    help: 'Check that only Firesteel connects to this port.',
    exit: 4,
  },
  REPORT_TOO_LARGE: {
    meaning: 'A Worker reported more executors and drivers than its cores can run. Its link was cut.',
    help: 'Restart that Worker. If it does so again, it is a defect, or no Worker of Firesteel.',
    exit: 1,
  },
  MESSAGE_TOO_LARGE: {
    meaning: 'A message to another process is larger than its link allows, or cannot be written as JSON.',
    help: 'Send less at once.',
    exit: 1,
  },
  // Leadership and requests (protocol 15)
  NO_MASTER: {
    meaning: 'No ALIVE Master answered in time.',
    help: 'Check the addresses and that a Master runs; raise --master-timeout to wait longer.',
    exit: 3,
  },
  NOT_LEADER: {
    meaning: 'The request was not carried out, because this Master is not the leader.',
    help: 'Send it to the Master named. Commands and the library do so by themselves.',
    exit: 3,
  },
  OUTCOME_UNKNOWN: {
    meaning: 'The leadership ended during the request, which may or may not have been carried out.',
    help: 'Ask for its status, or repeat it with the same idempotency key.',
    exit: 3,
  },
  RECORD_TOO_LARGE: {
    meaning: 'A submission or registration is larger than its record may be.',
    help: 'Make the field named smaller. Put large data into a file that the program reads.',
    exit: 2,
  },
  HEAP_TOO_SMALL: {
    meaning: 'The store holds more than this Master can read with its heap.',
    help: 'Start it with the larger heap that the message names, such as NODE_OPTIONS=--max-old-space-size=2048.',
    exit: 2,
  },
  DESCRIPTORS_TOO_FEW: {
    meaning: 'This process may not open as many files as it needs.',
    help: 'Raise the hard limit of open files (ulimit -Hn, LimitNOFILE= of systemd) to what the message names.',
    exit: 2,
  },
  REQUEST_INVALID: {
    meaning: 'A request breaks a rule of its message. Nothing was done.',
    help: 'Change the field named.',
    exit: 2,
  },
  BUSY: {
    meaning: 'The Master has as much work, or as many applications, as it may hold.',
    help: 'Try again later. Commands and the library do so by themselves.',
    exit: 3,
  },
  STORE_FULL: {
    meaning: 'The store has no space for new records.',
    help: 'Free space in the store.',
    exit: 3,
  },
  STORE_UNAVAILABLE: {
    meaning: 'The store does not answer.',
    help: 'Bring the store back. Nothing that was acknowledged is lost.',
    exit: 3,
  },
  STORE_UNREADABLE: {
    meaning: 'The store holds something that is not a record of this cluster.',
    help: 'See the place named. The entry was moved to the quarantine, not deleted.',
    exit: 4,
  },
  STORE_DENIED: {
    meaning: 'The store refused the user or the password, or forbids a command that Firesteel needs.',
    help: 'Correct user and password, or give the user the rights listed in docs/operating.md.',
    exit: 4,
  },
  STORE_UNSUITABLE: {
    meaning: 'The settings of the store allow it to drop records that must be kept.',
    help: 'Change the setting named.',
    exit: 4,
  },
  STORE_FAILED: {
    meaning: 'The store failed to make a write durable. The leadership ended.',
    help: 'Check the disk named in the log.',
    exit: 1,
  },
  SUBMISSION_LOST: {
    meaning: 'The store forgot this submission.',
    help: 'Submit it again with the same key.',
    exit: 1,
  },
  KEY_REUSED: {
    meaning: 'The idempotency key was used for another submission.',
    help: 'Use a new key for new content.',
    exit: 4,
  },
  STALE_EPOCH: {
    meaning: 'A command came from a leadership that has ended.',
    help: 'You need not do anything: the current leader sends it again if needed.',
    exit: 1,
  },
  UNKNOWN_ID: {
    meaning: 'No application, executor or driver has this id.',
    help: 'Run `firesteel status` for the ids.',
    exit: 4,
  },
  NOT_ALLOWED: {
    meaning:
      'The role of this credential does not allow this, the work is that of another, or the state of the driver, application or executor is not one in which it can be done.',
    help: 'The message names the role or the state. For a role, ask an admin for a token (`firesteel token create`).',
    exit: 4,
  },
  NO_ROOM: {
    meaning: 'A Worker does not have the free cores, memory or resources for a launch.',
    help: 'You need not do anything: the Master places it again.',
    exit: 4,
  },
  // Actors and asks
  ASK_TIMEOUT: {
    meaning: 'No answer came before the deadline of an ask.',
    help: 'Check that the peer runs.',
    exit: 1,
  },
  ACTOR_STOPPED: { meaning: 'The actor asked has stopped.', help: 'Ask its successor.', exit: 1 },
  MAILBOX_FULL: {
    meaning: 'The mailbox of an actor holds as many messages as it may.',
    help: 'Send less, or later.',
    exit: 1,
  },
  LINK_CLOSED: {
    meaning: 'The connection to the peer closed.',
    help: 'You need not do anything: it is dialled again.',
    exit: 1,
  },
  // Applications and tasks
  APPLICATION_FAILED: {
    meaning: 'The Master ended the application after repeated executor failures.',
    help: 'See the logs of its executors.',
    exit: 1,
  },
  APPLICATION_KILLED: {
    meaning: 'The application was killed.',
    help: 'You need not do anything: somebody asked for it.',
    exit: 1,
  },
  APPLICATION_CLOSED: {
    meaning: 'The application was closed before this work ended.',
    help: 'Await the work before close().',
    exit: 1,
  },
  TASK_FAILED: { meaning: 'A task threw on every attempt it was allowed.', help: 'See the cause.', exit: 1 },
  CALLBACK_FAILED: {
    meaning:
      'A function that the program gave as an option of a call, such as retryIf, threw or gave a wrong value.',
    help: 'Correct the function; `place` names the option, and the cause is what it threw.',
    exit: 1,
  },
  TASK_TIMEOUT: {
    meaning: 'A task ran longer than its timeout.',
    help: 'Raise the timeout or make the task smaller.',
    exit: 1,
  },
  TASK_CANCELLED: {
    meaning: 'The task was cancelled.',
    help: 'You need not do anything: your program asked for it.',
    exit: 1,
  },
  TASK_QUARANTINED: {
    meaning: 'Three executors died while the task ran on them. It is not run again.',
    help: 'Check what the task does to its process: memory, process.exit, native code.',
    exit: 1,
  },
  TASK_OUTCOME_UNKNOWN: {
    meaning: 'The executor was lost while it had a task with retries: 0.',
    help: 'Check the effects of the task. It is not run again.',
    exit: 1,
  },
  TASK_MODULE_NOT_FOUND: {
    meaning: 'The task module does not exist at this path on the Worker.',
    help: 'Put the module at the same path on every Worker.',
    exit: 1,
  },
  CODE_TOO_LARGE: {
    meaning:
      'A folder of code has more files or bytes than may travel, or than the cache of a Worker may hold.',
    help: 'Name what may stay behind in a .firesteelignore, name a smaller folder, or raise the limit named.',
    exit: 2,
  },
  CODE_UNREADABLE: {
    meaning: 'A file of the code cannot be read, or cannot travel: its name, or where a link leads.',
    help: 'Mend what is named, or write it into a .firesteelignore.',
    exit: 2,
  },
  CODE_MODULE_MISSING: {
    meaning: 'A production dependency of the code is not installed.',
    help: 'Run npm install, or leave all modules behind with --no-modules.',
    exit: 2,
  },
  CODE_INVALID: {
    meaning:
      'A peer sent code that breaks the rules: a manifest, a path, a size, or bytes with another hash.',
    help: 'Nothing of it was kept. Check the disk of its sender; if it is sound, this is a defect.',
    exit: 1,
  },
  CODE_CHANGED: {
    meaning: 'A file of the code was changed after its hash was taken, and no Worker has it as it was.',
    help: 'Start the application again, or submit again. Finish builds before you do.',
    exit: 1,
  },
  CODE_MISSING: {
    meaning: 'A Worker lacks the code of its work, and nobody who has it could be reached.',
    help: 'See the reasons named; submit again, so that the code travels once more.',
    exit: 1,
  },
  CODE_NATIVE: {
    meaning: 'The code has native modules that were built for another platform or another Node.js.',
    help: 'Install the modules named on such a machine, or run such Workers; --on chooses Workers by label.',
    exit: 1,
  },
  CODE_NOT_HELD: {
    meaning: 'A submission names code that fewer Workers hold than must.',
    help: 'Submit with `firesteel submit`, which sends the code first.',
    exit: 1,
  },
  CODE_NOT_SENT: {
    meaning: 'The code of a submission could not be sent to enough Workers, so nothing was submitted.',
    help: 'See the reasons named. With --no-code the program must lie at the same path on every Worker.',
    exit: 1,
  },
  TASK_MODULE_TYPESCRIPT: {
    meaning:
      'The task module exists as a .ts file only. This version of Node does not strip types, and there is no esbuild.',
    help: 'Install esbuild there, compile the module, or run Workers on Node 22.18 or later.',
    exit: 1,
  },
  TASK_MODULE_FAILED: {
    meaning: 'The task module could not be imported on any of the executors that tried.',
    help: 'See the cause.',
    exit: 1,
  },
  TASK_NOT_A_FUNCTION: {
    meaning: 'The export that was named as a task is not a function.',
    help: 'Export a function of that name.',
    exit: 1,
  },
  NOT_IN_TASK: {
    meaning: 'context() was called outside of a task.',
    help: 'Call it in a task function, or in a function that the task calls and awaits.',
    exit: 1,
  },
  INPUT_NOT_CLONEABLE: {
    meaning: 'The input of a task cannot be cloned.',
    help: 'Send plain data; the path in the message names the part.',
    exit: 1,
  },
  INPUT_TOO_LARGE: {
    meaning: 'The input of a task is larger than maxInputBytes.',
    help: 'Send a path or a reference instead.',
    exit: 1,
  },
  RESULT_NOT_CLONEABLE: {
    meaning: 'The result of a task cannot be cloned.',
    help: 'Return plain data; the path in the message names the part.',
    exit: 1,
  },
  RESULT_TOO_LARGE: {
    meaning: 'The result of a task is larger than maxResultBytes.',
    help: 'Write it to a file and return its path, or raise maxResultBytes.',
    exit: 1,
  },
  COMMAND_FAILED: {
    meaning: 'A command of `each` ended with a code other than 0.',
    help: 'See its output.',
    exit: 1,
  },
  DRIVER_FAILED: { meaning: 'A driver did not end in FINISHED.', help: 'See its logs.', exit: 1 },
  FOLDER_MISSING: {
    meaning: 'The working folder does not exist on the Worker.',
    help: 'Create it on every Worker or run the command elsewhere.',
    exit: 1,
  },
  CODE_NOT_ALLOWED: {
    meaning: 'A Worker runs only code from some folders (`codeRoots`), and this is not from there.',
    help: 'Put the program into one of the folders that the message names, or add its folder to `codeRoots`.',
    exit: 4,
  },
  ENV_NOT_ALLOWED: {
    meaning:
      'A Worker passes on only some environment variables (`allowEnv`, `codeRoots`), and this is none of them.',
    help: 'Leave the variable out, or add its name to `allowEnv` of the Worker.',
    exit: 4,
  },
  RUN_AS_REFUSED: {
    meaning: 'A Worker cannot run its work as the user of its `runAs`.',
    help: 'Run the Worker as root, name an existing user, and let that user read what the message names.',
    exit: 2,
  },
  // HTTP
  HTTP_REFUSED: {
    meaning: 'An HTTP request had an unknown Host, a foreign Origin, or a body that is not JSON.',
    help: 'Call the server by its own name and send application/json. If the name is right, add it as `advertise`.',
    exit: 4,
  },
  HTTP_BUSY: {
    meaning:
      'The HTTP server has as many connections as it may have, from this address (429) or in all (503).',
    help: 'Try again after the seconds in Retry-After, and keep fewer connections open.',
    exit: 3,
  },
  HTTP_OFF: {
    meaning: 'The Master that leads has no HTTP (`web: false`), so it has no pages.',
    help: 'Give its `web` a port, or use the commands: `firesteel status`.',
    exit: 4,
  },
  HTTP_NOT_FOUND: { meaning: 'Nothing is served at this path.', help: 'Check the path.', exit: 4 },
  // Machine
  DISK_FULL: {
    meaning: 'The disk is full.',
    help: 'Free space. The cluster goes on and tries again.',
    exit: 1,
  },
  FILE_DENIED: {
    meaning: 'This user may not read or write a file or folder, or its file system is read-only.',
    help: 'Give this user the right to it, or name another file or folder.',
    exit: 4,
  },
  FOLDER_UNTRUSTED: {
    meaning: 'A `.firesteel` folder belongs to another user, or other users may change it.',
    help: 'Correct its owner and mode, or name the cluster with --master and FIRESTEEL_SECRET.',
    exit: 4,
  },
  FOLDER_IN_USE: {
    meaning: 'Another process writes in a folder in which one may write at a time.',
    help: 'Try again when that process has ended.',
    exit: 3,
  },
  FILE_UNREADABLE: {
    meaning: 'Files or folders could not be read.',
    help: 'Check their permissions, and that no other program removes them meanwhile.',
    exit: 1,
  },
  SPAWN_FAILED: {
    meaning: 'A process could not be started.',
    help: 'Mend the cause that the message names.',
    exit: 1,
  },
  APPLY_REFUSED: {
    meaning: 'The file changes what a cluster cannot get while it runs. Nothing was done.',
    help: 'Undo that change, or stop the cluster and start it with the new file.',
    exit: 1,
  },
  APPLY_RUNS: {
    meaning: 'Another `firesteel apply` is at work on this cluster.',
    help: 'Wait for its end (`firesteel history`), and apply again.',
    exit: 1,
  },
  APPLY_OVERTAKEN: {
    meaning: 'Another `firesteel apply` has begun since this one compared its file with the cluster.',
    help: 'Look at `firesteel history`, and apply again.',
    exit: 1,
  },
  NODE_NOT_READY: {
    meaning: 'A node that was started or restarted is not ready. Its launcher goes on to start it.',
    help: 'See its log, and `firesteel status`.',
    exit: 1,
  },
  LAUNCHER_AWAY: {
    meaning: 'The launcher (`firesteel up`) of that machine has no link to the leader.',
    help: 'Look whether `firesteel up` runs there and reaches the Masters.',
    exit: 3,
  },
  UPGRADE_STOPPED: {
    meaning: 'A rolling upgrade has stopped: a node, or the cluster, is not well.',
    help: 'See the log of the launcher of that node. Mend it and run the command again, or go back with `--to` and the folder of the release before.',
    exit: 3,
  },
  FINISH_REFUSED: {
    meaning:
      'The format of the store stays what it is: a Master would not understand a newer one, or is missing.',
    help: 'Upgrade or start the Masters that the message names, and finish again. Nothing was changed.',
    exit: 1,
  },
  RESTART_REFUSED: {
    meaning: 'A Worker cannot restart without its work now.',
    help: 'Mend the cause that the message names. The Worker goes on as before.',
    exit: 1,
  },
  INTERNAL: { meaning: 'A defect of Firesteel.', help: 'Report it with the log.', exit: 1 },
} as const satisfies Record<string, CodeEntry>

/** The name of a code without its prefix. */
export type ErrorName = keyof typeof errorCodes
/** A code as users see it. */
export type ErrorCode = `FIRESTEEL_${ErrorName}`

export interface ErrorDetails {
  /** Where: file:line:column, key, host and path. */
  readonly place?: string
  /** What to do, where the table's general advice can be made exact. */
  readonly help?: string
  readonly cause?: unknown
}

/** The one error class of the public API. Match `code`; `message` is one sentence for people. */
export class FiresteelError extends Error {
  override readonly name = 'FiresteelError'
  readonly code: ErrorCode
  readonly place: string | undefined
  readonly help: string
  /** Of the error of a task of map or each: the index of its input. */
  declare readonly index?: number

  constructor(code: ErrorName, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = `FIRESTEEL_${code}`
    this.place = details.place
    this.help = details.help ?? errorCodes[code].help
  }

  get exitCode(): number {
    return exitCodeOf(this)
  }
}

/** A process may hold more than one copy of this class: each entry of the package has its own files. */
Object.defineProperty(FiresteelError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return this === FiresteelError
      ? isFiresteelError(value)
      : Function.prototype[Symbol.hasInstance].call(this, value)
  },
})

const prefix = 'FIRESTEEL_'

/**
 * The name of a code from another process, with or without its prefix; undefined if this release does not
 * know it.
 */
export function errorNameOf(code: string): ErrorName | undefined {
  const name = code.startsWith(prefix) ? code.slice(prefix.length) : code
  return Object.hasOwn(errorCodes, name) ? (name as ErrorName) : undefined
}

/** An error as it travels between processes. */
export interface ErrorParts {
  readonly code: string
  readonly message: string
  readonly help?: string | undefined
  readonly place?: string | undefined
}

/** An error as another process gets it. */
export function errorParts(error: unknown): ErrorParts {
  if (!isFiresteelError(error))
    return { code: 'FIRESTEEL_INTERNAL', message: reasonOf(error), help: errorCodes.INTERNAL.help }
  const { code, message, help, place } = error
  return { code, message, help, ...(place === undefined ? {} : { place }) }
}

/**
 * The error that another process reported. A code that this release does not know is named in the message.
 */
export function errorOf({ code, message, help, place }: ErrorParts): FiresteelError {
  const details = { ...(help !== undefined && { help }), ...(place !== undefined && { place }) }
  const name = errorNameOf(code)
  if (name !== undefined) return new FiresteelError(name, message, details)
  return new FiresteelError('INTERNAL', `${code}: ${message}`, details)
}

/** Exit code of a command that ends with this error. */
export function exitCodeOf(error: unknown): number {
  if (!isFiresteelError(error)) return errorCodes.INTERNAL.exit
  return errorCodes[errorNameOf(error.code) ?? 'INTERNAL'].exit
}

/** The code of an error of the operating system, such as ENOENT; '' if it has none. */
export function systemCodeOf(error: unknown): string {
  const code = seen(() => (error as { code?: unknown } | undefined)?.code, undefined)
  return typeof code === 'string' ? code : ''
}

/** Whether the disk, or the user's quota of it, is full. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(error))
}

/**
 * True for errors of Firesteel, also those of another copy of this package; with `code`, only for that code.
 */
export function isFiresteelError(error: unknown, code?: ErrorName): error is FiresteelError {
  return seen(() => {
    if (!(error instanceof Error) || error.name !== 'FiresteelError') return false
    return code === undefined || (error as FiresteelError).code === `FIRESTEEL_${code}`
  }, false)
}

/** The text of any thrown value, for messages to people. */
export function reasonOf(error: unknown): string {
  return seen(() => String(error instanceof Error ? error.message : error), 'an error that cannot be read')
}

/**
 * What `look` finds at a thrown value, or else `otherwise`: a program may throw anything, also a Proxy, whose
 * traps throw when somebody asks what it is.
 */
export function seen<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}
