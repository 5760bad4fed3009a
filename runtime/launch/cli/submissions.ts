import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { submissionProblem } from '../../../actors/client/check-submission.js'
import { MasterClient } from '../../../actors/client/master-client.js'
import type { DriverDescription } from '../../../actors/messages/common.js'
import { isFiresteelError, reasonOf } from '../../errors.js'
import { clientTls } from '../../tls/tls-told.js'
import { deriveKey } from '../../transport/keys.js'
import type { Deployment, SubmissionPlan } from '../config/deployment.js'

export function submissionDescription(plan: SubmissionPlan): DriverDescription {
  const { name, main, args, cores, memoryMib, resources, on, env, supervise, onIsolation } = plan
  const { maxRestarts, restartWindowMs, timeoutMs, stopSignal, stopGraceMs, readiness, healthcheck } = plan
  return {
    name,
    main,
    args: [...args],
    cwd: dirname(main),
    cores,
    memoryMib,
    resources: { ...resources },
    // A driver that asks for no label has the key that it had in earlier releases.
    ...(on && { on: { ...on } }),
    supervise,
    ...(maxRestarts !== undefined && { maxRestarts }),
    ...(restartWindowMs !== undefined && { restartWindowMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(stopSignal !== undefined && { stopSignal }),
    ...(stopGraceMs !== undefined && { stopGraceMs }),
    ...(readiness && { readiness }),
    ...(healthcheck && { healthcheck }),
    onIsolation,
    env: { ...env },
    nodeOptions: [],
  }
}

/** The same content is the same driver over restarts of `up`. Changed content is a new driver. */
export function submissionKey(description: DriverDescription): string {
  const digest = createHash('sha256').update(JSON.stringify(description)).digest('hex').slice(0, 16)
  return `deployment/${description.name}/${digest}`
}

/** Submits the drivers of a deployment file. Resolves when each was acknowledged or refused. */
export async function submitAll(
  deployment: Deployment,
  masters: readonly string[],
  secret: string,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<void> {
  const { cluster, tls } = deployment
  const credential = {
    role: 'client',
    key: deriveKey(secret, 'client'),
    ...(tls && { tls: clientTls({ ca: tls.ca, crl: tls.crl }) }),
  } as const
  const client = new MasterClient({ cluster, masters, credential })
  try {
    for (const plan of deployment.submissions) {
      const description = submissionDescription(plan)
      const key = submissionKey(description)
      const problem = submissionProblem(key, description)
      if (problem) {
        say(`${plan.name} was not submitted: ${problem.code}: ${problem.path.join('.')} ${problem.rule}`)
        continue
      }
      try {
        const { driverId, state } = await client.request(
          { type: 'RequestSubmitDriver', key, description },
          { signal },
        )
        say(`${plan.name}: ${driverId} ${state}`)
      } catch (error) {
        const code = isFiresteelError(error) ? `${error.code}: ` : ''
        say(`${plan.name} was not submitted: ${code}${reasonOf(error)}`)
      }
    }
  } finally {
    await client.close()
  }
}
