import { Buffer } from 'node:buffer'
import { seal, unseal } from '../../runtime/transport/sealed.js'
import * as z from '../../runtime/zod.js'
import type { KeepCode } from './code.js'
import { name } from './common.js'
import type { LaunchDriver } from './drivers.js'
import type { LaunchExecutor } from './executors.js'

/*
 * Keys that a leader gives to a Worker with a message (protocol 16.7). A Worker with the cluster's secret
 * derives the keys of its work. One with a token cannot, and gets those of the work that it is given, and no
 * others.
 */

/** In base64. */
const key = name

const workCredentials = z.object({
  /** LaunchDriver: that of the driver. */
  driver: key.optional(),
  /** LaunchExecutor: that of the executors of its application. */
  application: key.optional(),
  /** LaunchExecutor: with it the driver gives its code. */
  code: key.optional(),
  /** host:port of Workers that have code -> the key that opens a link for code there. */
  sources: z.record(name, key),
})
export type WorkCredentials = z.infer<typeof workCredentials>

export type WithCredentials = LaunchDriver | LaunchExecutor | KeepCode

/** So that what is sealed for one launch is worth nothing with another. */
function aboutOf(message: WithCredentials): string {
  switch (message.type) {
    case 'LaunchDriver':
      return `LaunchDriver ${message.driverId}/${message.generation}`
    case 'LaunchExecutor':
      return `LaunchExecutor ${message.appId}/${message.execId}`
    case 'KeepCode':
      return `KeepCode ${message.workerId}`
  }
}

/** `own` is the secret of the Worker: that of its token, or of the cluster. */
export const sealCredentials = (given: WorkCredentials, own: string, message: WithCredentials): string =>
  seal(JSON.stringify(given), Buffer.from(own), aboutOf(message))

const none: WorkCredentials = { sources: {} }

/** Throws REQUEST_INVALID if they were altered or belong to another Worker or launch. */
export const openCredentials = (message: WithCredentials, own: string): WorkCredentials =>
  message.credentials === undefined
    ? none
    : workCredentials.parse(JSON.parse(unseal(message.credentials, Buffer.from(own), aboutOf(message))))
