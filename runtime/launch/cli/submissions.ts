import { dirname } from 'node:path'
import { submissionProblem } from '../../../actors/client/check-submission.js'
import { MasterClient } from '../../../actors/client/master-client.js'
import type { CodeToSend } from '../../../actors/client/send-code.js'
import type { DriverDescription } from '../../../actors/messages/common.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../errors.js'
import { clientTls } from '../../tls/tls-told.js'
import { deriveKey } from '../../transport/keys.js'
import type { Deployment, SubmissionPlan } from '../config/deployment.js'
import { mainFile } from '../config/main-file.js'
import type { Console } from './console.js'
import { sameContent, submissionKey } from './submission-key.js'
import { collectForWorkers, sendCollected } from './travelling-code.js'

export function submissionDescription(plan: SubmissionPlan, main = plan.main): DriverDescription {
  const { name, args, cores, memoryMib, resources, on, env, supervise, onIsolation } = plan
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

/** A submission of a deployment file with the code that travels for it. */
export interface FileSubmission {
  readonly name: string
  /** The same content is the same driver over restarts of `up`. */
  readonly key: string
  readonly description: DriverDescription
  readonly code: CodeToSend | undefined
}

/** Its files are read, and nothing is sent. Rejects with MAIN_NOT_FOUND, or what its description breaks. */
export async function fileSubmission(
  plan: SubmissionPlan,
  client: MasterClient,
  signal: AbortSignal,
): Promise<FileSubmission> {
  const main = await mainFile(plan.main, '/')
  const description = submissionDescription(plan, main)
  const code = await collectForWorkers({ client, main, options: { modules: true }, signal })
  if (code) description.code = { id: code.manifest.id, root: code.root }
  const key = submissionKey(description)
  const problem = submissionProblem(key, description)
  if (problem) {
    const place = `submissions.${plan.name}.${problem.path.join('.')}`
    throw new FiresteelError(problem.code, `${place} ${problem.rule}.`, { place })
  }
  return { name: plan.name, key, description, code }
}

interface SubmitAll {
  readonly deployment: Deployment
  readonly masters: readonly string[]
  readonly secret: string
  readonly io: Pick<Console, 'err' | 'interrupted'>
}

/** Submits the drivers of a deployment file. Resolves when each was acknowledged or refused. */
export async function submitAll({ deployment, masters, secret, io }: SubmitAll): Promise<void> {
  const say = (text: string): Promise<void> => io.err(`${text}\n`)
  const { cluster, tls } = deployment
  const credential = {
    role: 'client',
    key: deriveKey(secret, 'client'),
    tls: tls ? clientTls({ ca: tls.ca, crl: tls.crl }) : undefined,
  } as const
  const client = new MasterClient({ cluster, masters, credential })
  const signal = io.interrupted
  try {
    const { newest, submissions: live } = await client.request({ type: 'RequestDeployment' }, { signal })
    if (newest > 0) {
      await say(`Deployment ${newest} was applied: submissions are changed by \`firesteel apply\` since.`)
      return
    }
    for (const plan of deployment.submissions) {
      try {
        const { name, key, description, code } = await fileSubmission(plan, client, signal)
        const same = live.find((driver) => driver.name === name && sameContent(driver.key, key))
        if (code && !same) await sendCollected(code, { io, client, found: { cluster }, isQuiet: true })
        const submitted =
          same ?? (await client.request({ type: 'RequestSubmitDriver', key, description }, { signal }))
        await say(`${name}: ${submitted.driverId} ${submitted.state}`)
      } catch (error) {
        const code = isFiresteelError(error) ? `${error.code}: ` : ''
        await say(`${plan.name} was not submitted: ${code}${reasonOf(error)}`)
      }
    }
  } finally {
    await client.close()
  }
}
