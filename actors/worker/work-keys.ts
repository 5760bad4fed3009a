import { Buffer } from 'node:buffer'
import { FiresteelError } from '../../runtime/errors.js'
import { codeSubjectOf } from '../../runtime/transport/identity.js'
import { deriveKey, joinKey, registrantKey } from '../../runtime/transport/keys.js'
import type { LaunchDriver } from '../messages/drivers.js'
import type { LaunchExecutor } from '../messages/executors.js'
import { openCredentials, type WithCredentials } from '../messages/work-credentials.js'
import type { WorkerConfig } from './worker-config.js'

/*
 * The keys of a Worker's work (protocol 16.7). With the cluster's secret the Worker derives them. With a
 * token it knows those that the leader has sent with the launch.
 */

type Own = Pick<WorkerConfig, 'secret' | 'join'>

/** Throws NOT_ALLOWED: a leader that knows nothing of this Worker's token has sent it. */
function sent(text: string | undefined, what: string): Buffer {
  if (text !== undefined) return Buffer.from(text, 'base64')
  throw new FiresteelError(
    'NOT_ALLOWED',
    `The leader sent no key of ${what}, and this Worker has only a token.`,
  )
}

/** Of the driver itself. Throws NOT_ALLOWED, REQUEST_INVALID. */
export function driverKey(launch: LaunchDriver, { secret, join }: Own): Buffer {
  const subject = `${launch.driverId}/${launch.generation}`
  return join === undefined
    ? deriveKey(secret, 'driver', subject)
    : sent(openCredentials(launch, secret).driver, subject)
}

/** Opens the links of executors to the driver of their application. Throws as above. */
export const applicationKey = (launch: LaunchExecutor, own: Own): Buffer =>
  ofApplication(launch, own, 'application', launch.appId)

/** Opens the link on which that driver gives its code. Throws as above. */
export const applicationCodeKey = (launch: LaunchExecutor, own: Own): Buffer =>
  ofApplication(launch, own, 'code', codeSubjectOf(launch.appId))

function ofApplication(
  launch: LaunchExecutor,
  { secret, join }: Own,
  field: 'application' | 'code',
  subject: string,
): Buffer {
  // The application's driver derives the same key from its own key.
  return join === undefined
    ? deriveKey(registrantKey(launch.registrant, secret), 'application', subject)
    : sent(openCredentials(launch, secret)[field], subject)
}

/** By the address of a Worker, host:port: the key that opens a link for code there. */
export type SourceKeys = (address: string) => Buffer

/** `message` names the Workers. Without it they are some that have the cluster's secret. Throws as above. */
export function sourceKeys(message: WithCredentials | undefined, { secret, join }: Own): SourceKeys {
  const given = message && openCredentials(message, secret).sources
  const own = join === undefined ? deriveKey(secret, 'node') : joinKey(secret, join)
  return (address) => {
    const key = given && Object.hasOwn(given, address) ? given[address] : undefined
    return key === undefined ? own : Buffer.from(key, 'base64')
  }
}
