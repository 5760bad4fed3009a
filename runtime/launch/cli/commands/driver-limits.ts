import { type DriverDescription, stopSignals } from '../../../../actors/messages/common.js'
import { limits } from '../../../limits.js'
import { formatDuration } from '../../../units.js'
import { driverLimits, type SaidLimits } from '../../config/driver-limits.js'
import { type Command, InvalidArgumentError } from '../commander.js'
import { choiceOption, durationOption, intOption } from './options.js'

/* What people limit of a driver: how long it runs, how it is stopped, when it is ready and well. */

export interface DriverLimitOptions extends Omit<SaidLimits, 'healthcheck'> {
  readonly healthcheck?: DriverDescription['healthcheck']
  /** Milliseconds. */
  readonly healthEvery?: number
}

export function limitsSaid({ healthcheck, healthEvery, ...limits }: DriverLimitOptions) {
  return driverLimits({
    ...limits,
    ...(healthcheck && { healthcheck: { ...healthcheck, every: healthEvery } }),
  })
}

/** `port:8080` or `http:8080/ready`. */
function targetOf(text: string): { port: number; path?: string } | undefined {
  const [, kind, port, path] = /^(port|http):(\d{1,5})(\/.*)?$/.exec(text) ?? []
  if (port === undefined || (kind === 'port') !== (path === undefined)) return undefined
  return { port: Number(port), ...(path !== undefined && { path }) }
}

function readinessOption(text: string): NonNullable<DriverDescription['readiness']> {
  if (/^line:./.test(text)) return { line: text.slice('line:'.length) }
  const target = targetOf(text)
  if (target) return target
  throw new InvalidArgumentError('It must be port:PORT, http:PORT/PATH or line:TEXT.')
}

function healthOption(text: string): NonNullable<DriverDescription['healthcheck']> {
  const target = targetOf(text)
  if (target) return target
  throw new InvalidArgumentError('It must be port:PORT or http:PORT/PATH.')
}

export const driverLimitOptions = (command: Command): Command =>
  command
    .option(
      '--max-restarts <n>',
      'with --supervise: it has FAILED when it fails more often than this (default: no limit)',
      intOption(0, limits.maxRestarts),
    )
    .option(
      '--restart-window <duration>',
      'with --max-restarts: only failures within this time count, such as 10m (default: all)',
      durationOption,
    )
    .option(
      '--timeout <duration>',
      'a process of it that runs longer is told to end, and has failed',
      durationOption,
    )
    .addOption(choiceOption('--stop-signal <signal>', 'what tells it to end (default: SIGTERM)', stopSignals))
    .option(
      '--stop-grace <duration>',
      `from this signal to SIGKILL (default: ${formatDuration(limits.killGraceMs)})`,
      durationOption,
    )
    .option(
      '--readiness <what>',
      'when it can be relied on: port:8080, http:8080/ready, or line:TEXT of its output',
      readinessOption,
    )
    .option(
      '--healthcheck <what>',
      `stop it, as failed, when this does not answer ${limits.probeFailures} times in a row: port:8080 or http:8080/health`,
      healthOption,
    )
    .option(
      '--health-every <duration>',
      `with --healthcheck: time between two looks (default: ${formatDuration(limits.probeEveryMs)})`,
      durationOption,
    )
