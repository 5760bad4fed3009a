import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { OutputWriter } from '../../../../actors/client/local-console.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import { innerLimits } from '../../../inner-limits.js'
import { limits } from '../../../limits.js'
import { traceContextFrom } from '../../../telemetry/trace-context.js'
import type { Command, Option } from '../commander.js'
import { type Console, Interrupted } from '../console.js'
import { durationDefault } from './options.js'

/** Options of every command that talks to a cluster. */
export interface ClusterOptions {
  readonly master?: string
  /** Milliseconds. */
  readonly masterTimeout: number
  readonly json?: true
}

export const masterTimeoutOption = (description: string): Option =>
  durationDefault('--master-timeout <duration>', description, `${limits.masterTimeoutMs / 1000}s`)

export function clusterOptions(command: Command): Command {
  return command
    .option(
      '--master <addresses>',
      'firesteel://host:port[,host:port...], or local for an embedded cluster (default: FIRESTEEL_MASTER, else what `up` left here or in a folder above, else firesteel://127.0.0.1:7070)',
    )
    .addOption(masterTimeoutOption('how long to wait for an ALIVE Master'))
    .option('--json', 'print JSON')
}

/**
 * Finds the cluster, or starts the embedded one, for the duration of `action`. `onOutput` gets what is
 * printed on an embedded one.
 */
export async function withCluster<T>(
  io: Console,
  { master }: Pick<ClusterOptions, 'master'>,
  action: (found: FoundCluster) => Promise<T>,
  onOutput?: OutputWriter,
): Promise<T> {
  const { cwd, environment: env } = io
  const { findCluster } = await import('../../../../actors/client/find-cluster.js')
  if (master !== 'local') {
    const { driverBoot } = await import('../../../../actors/client/boot-line.js')
    return action(findCluster({ address: master, env, cwd, boot: driverBoot(env) }))
  }
  const { startEmbeddedCluster } = await import('../../../../actors/client/embedded-cluster.js')
  const local = await interruptible(io, startEmbeddedCluster({ signal: io.interrupted, onOutput }))
  try {
    const found = findCluster({ address: local.master, secret: local.secret, env: {}, cwd })
    return await action({ ...found, local: true })
  } finally {
    await local.stop()
  }
}

/** A client of the cluster's Masters, for the duration of `action`. */
export function withClient<T>(
  io: Console,
  options: ClusterOptions,
  action: (client: MasterClient, found: FoundCluster) => Promise<T>,
): Promise<T> {
  return withCluster(io, options, async (found) => {
    const { MasterClient } = await import('../../../../actors/client/master-client.js')
    const context = traceContextFrom(process.env)
    const client = new MasterClient({
      ...found,
      masterTimeoutMs: options.masterTimeout,
      context: () => context,
    })
    const timer = setTimeout(() => void sayWaiting(io, client, options), innerLimits.commandSilenceMs)
    try {
      return await interruptible(io, action(client, found))
    } finally {
      clearTimeout(timer)
      await client.close()
    }
  })
}

/** A command that waits for a Master says so, and why. With --json standard error is for the error alone. */
async function sayWaiting(io: Console, client: MasterClient, options: ClusterOptions): Promise<void> {
  if (client.leader || options.json) return
  const text = `No Master leads yet: ${client.describe()}. Waiting up to ${options.masterTimeout / 1000}s (--master-timeout).`
  await io.err(`${text}\n`)
}

/**
 * An interrupted command reports the interruption, because the errors that follow from it mean nothing to
 * people.
 */
export async function interruptible<T>({ interrupted }: Console, work: Promise<T>): Promise<T> {
  let stop = (): void => undefined
  const signal = new Promise<never>((_, reject) => {
    stop = () => reject(new Interrupted())
    if (interrupted.aborted) stop()
    else interrupted.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, signal])
  } catch (error) {
    // Its own end, for the same reason, comes a little later.
    work.catch(() => undefined)
    throw interrupted.aborted ? new Interrupted() : error
  } finally {
    interrupted.removeEventListener('abort', stop)
  }
}
