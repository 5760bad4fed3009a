import { machineSeal } from '../../runtime/code/machine-seal.js'
import { FiresteelError } from '../../runtime/errors.js'
import type { Log, LogLevel } from '../../runtime/observe/log.js'
import { logLevels } from '../../runtime/observe/log.js'
import { stderrLogger } from '../../runtime/observe/stderr-logger.js'
import { traceContextFrom } from '../../runtime/telemetry/trace-context.js'
import { activeContext } from '../../runtime/telemetry/tracing-api.js'
import type { App } from './app.js'
import { type OpenedApplication, openApplication } from './application.js'
import { ApplicationCode } from './application-code.js'
import { driverBoot } from './boot-line.js'
import { type ConnectOptions, type ConnectSettings, connectSettings } from './connect-options.js'
import { type FoundCluster, findCluster } from './find-cluster.js'
import { guardedLog } from './guarded-log.js'
import { localEnvironment } from './local-environment.js'
import type { OutputLine } from './output-pieces.js'

/**
 * Registers this process as an application of a cluster. Resolves when a Master has registered it; executors
 * follow by themselves. `address` is `firesteel://host:port[,host:port...]`, or `local` for an embedded
 * cluster of this process. Without it, connect() uses what `run` or `submit` gave this process, else
 * FIRESTEEL_MASTER, else what `up` wrote to `.firesteel/` in this folder or the nearest one above it, else
 * firesteel://127.0.0.1:7070.
 *
 * Rejects with USAGE, ADDRESS_INVALID, SECRET_MISSING, SECRET_WRONG, CLUSTER_MISMATCH, VERSION_UNSUPPORTED,
 * NO_MASTER (after `masterTimeout`), NOT_ALLOWED (a driver that is not the accepted generation), or the
 * signal's reason.
 */
export async function connect(address?: string, options?: ConnectOptions): Promise<App>
export async function connect(options: ConnectOptions): Promise<App>
export async function connect(first?: string | ConnectOptions, second?: ConnectOptions): Promise<App> {
  const { address, options } = argumentsOf(first, second)
  const settings = connectSettings(options, process.cwd())
  options.signal?.throwIfAborted()
  const log = options.log === undefined ? libraryLog() : guardedLog(options.log, libraryLog())
  if (address === 'local') return given(await connectLocal(options, settings, log))
  const found = findCluster({
    address,
    secret: options.secret,
    tls: options.tls,
    token: options.token,
    env: process.env,
    cwd: process.cwd(),
    boot: driverBoot(),
  })
  return given(await open(found, options, settings, log))
}

/** The program gets the application, and may listen before anything is emitted. */
function given({ app, flow }: OpenedApplication): App {
  setImmediate(flow)
  return app
}

/** The application registers while the Workers of its cluster start. */
async function connectLocal(
  options: ConnectOptions,
  settings: ConnectSettings,
  log: Log,
): Promise<OpenedApplication> {
  const { startEmbeddedCluster } = await import('./embedded-cluster.js')
  const { signal } = options
  // The end of one of both is the end of the other.
  const ending = new AbortController()
  const abort = (): void => ending.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  let opening: Promise<OpenedApplication> | undefined
  const starting = startEmbeddedCluster({
    ...settings.embedded,
    onMaster: ({ cluster, master, secret }) => {
      const found = findCluster({ address: master, secret, env: {}, cwd: process.cwd() })
      const stop = async (): Promise<void> => {
        signal?.removeEventListener('abort', abort)
        await starting.then(
          (local) => local.stop(),
          () => undefined,
        )
      }
      const own = { ...options, signal: ending.signal }
      opening = open({ ...found, cluster, local: true }, own, settings, log, stop)
      opening.catch(() => undefined)
    },
    onOutput: (output, bytes) => void process[output].write(bytes),
  })
  try {
    await starting
  } catch (error) {
    signal?.removeEventListener('abort', abort)
    ending.abort(error)
    const opened = await opening?.catch(() => undefined)
    await opened?.app.close()
    throw error
  }
  return opening!
}

async function open(
  { cluster, masters, credential, driver, absent, local, ...told }: FoundCluster,
  options: ConnectOptions,
  { description: described, masterTimeoutMs, idleTimeoutMs, codeFolder }: ConnectSettings,
  log: Log,
  release?: () => Promise<void>,
): Promise<OpenedApplication> {
  const env = local ? localEnvironment(process.env, described.env) : described.env
  const { maxCodeBytes, ...taskLimits } = options.limits ?? {}
  const travels = codeFolder !== false && !local && (codeFolder !== undefined || told.code?.travels !== false)
  const code = travels
    ? new ApplicationCode({
        folder: codeFolder,
        modules: told.code?.modules ?? true,
        maxBytes: maxCodeBytes ?? told.code?.maxBytes,
      })
    : undefined
  const description = { ...described, env, ...(code && { code: machineSeal() }) }
  return openApplication({
    cluster,
    masters,
    credential,
    description,
    driver,
    listener: options.listen ?? {},
    masterTimeoutMs:
      (options.masterTimeout === undefined ? told.masterTimeoutMs : undefined) ?? masterTimeoutMs,
    idleTimeoutMs:
      (options.executor?.idleTimeout === undefined ? told.idleTimeoutMs : undefined) ?? idleTimeoutMs,
    absent,
    taskLimits,
    code,
    summaries: options.summaries ?? told.summaries ?? true,
    output: await shownBy(options.output ?? told.output ?? false, local === true),
    context: activeContext() ?? traceContextFrom(process.env),
    log,
    signal: options.signal,
    release,
  })
}

/** On an embedded cluster all that is printed appears where the program prints. */
async function shownBy(
  output: NonNullable<ConnectOptions['output']>,
  isLocal: boolean,
): Promise<((line: OutputLine) => void) | undefined> {
  if (typeof output === 'function') return output
  return output && !isLocal ? (await import('./executor-outputs.js')).printOutput : undefined
}

function argumentsOf(
  first: string | ConnectOptions | undefined,
  second: ConnectOptions | undefined,
): { address: string | undefined; options: ConnectOptions } {
  if (typeof first === 'object' && first !== null && second === undefined)
    return { address: undefined, options: first }
  if (first !== undefined && typeof first !== 'string') {
    throw new FiresteelError('USAGE', 'The first argument of connect() is an address or the options.', {
      place: 'address',
      help: "Write connect('firesteel://host:port', options), connect('local', options) or connect(options).",
    })
  }
  return { address: first, options: second ?? {} }
}

/** A library logs only problems. FIRESTEEL_LOG=info or debug makes it log more. */
function libraryLog(): Log {
  const wanted = process.env.FIRESTEEL_LOG ?? ''
  const level = Object.hasOwn(logLevels, wanted) ? (wanted as LogLevel) : 'warn'
  return stderrLogger({ level, format: 'text', fields: { component: 'client' } })
}
