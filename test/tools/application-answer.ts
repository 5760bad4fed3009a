import type { MasterChangeAcknowledged } from '../../actors/messages/applications.js'
import { applicationDescription } from '../../actors/messages/samples.js'

/** What the application of `MasterWorld.application('app')` answers a new leader: it holds these on w1. */
export const answerOf = (
  appId: string,
  execIds: readonly number[],
  parts: Partial<MasterChangeAcknowledged> = {},
): MasterChangeAcknowledged => ({
  type: 'MasterChangeAcknowledged',
  appId,
  registration: 'reg-app',
  description: applicationDescription,
  listen: { port: 5000 },
  executors: execIds.map((execId) => ({ execId, workerId: 'w1' })),
  highestExecId: Math.max(-1, ...execIds),
  ...parts,
})
