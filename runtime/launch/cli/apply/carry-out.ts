import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import { orderLauncher } from '../../../../actors/client/order-launcher.js'
import { innerLimits } from '../../../inner-limits.js'
import type { Console } from '../console.js'
import { sendCollected } from '../travelling-code.js'
import type { ApplyStep } from './apply-plan.js'
import type { Survey } from './survey.js'

export interface CarryOutParts {
  readonly io: Pick<Console, 'err' | 'interrupted'>
  readonly client: MasterClient
  readonly found: FoundCluster
  readonly survey: Survey
  readonly text: string
  /** Of this deployment. */
  readonly number: number
  /** For the drains of Workers that go; absent: as each of them says. */
  readonly drainMs: number | undefined
  readonly isQuiet: boolean
  readonly onStep: (step: ApplyStep) => Promise<void>
  /** What a step waits for, as its launcher says. */
  readonly onWait: (text: string) => void
  /** The simulator gives its own. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Does one step after the other. Each may be asked for again, so that an apply that was cut off anywhere is
 * finished by another one.
 */
export async function carryOut(parts: CarryOutParts): Promise<void> {
  const { survey, client, number: deployment, text, onStep } = parts
  for (const step of survey.plan.steps) {
    await onStep(step)
    if (step.kind === 'node') await takeNode(parts, step)
    else await deploySubmission(parts, step)
  }
  const { interrupted: signal } = parts.io
  const adopt = { kind: 'adopt', deployment, text } as const
  await Promise.all(survey.launchers.map(({ id }) => orderLauncher(client, id, adopt, { signal })))
}

async function takeNode(
  { client, io, number: deployment, text, drainMs, onWait: onMessage }: CarryOutParts,
  { launcher, node }: Extract<ApplyStep, { kind: 'node' }>,
): Promise<void> {
  const order = { kind: 'take' as const, deployment, text, nodes: [node] }
  const drain = drainMs === undefined ? {} : { drainMs }
  await orderLauncher(client, launcher, { ...order, ...drain }, { signal: io.interrupted, onMessage })
}

async function deploySubmission(
  { client, found, io, number: deployment, survey, isQuiet, pause }: CarryOutParts,
  { name, step }: Extract<ApplyStep, { kind: 'submission' }>,
): Promise<void> {
  const signal = io.interrupted
  const wanted = step === 'end' ? undefined : survey.submissions.find((one) => one.name === name)
  if (wanted?.code) await sendCollected(wanted.code, { io, client, found, isQuiet })
  const to = wanted && { key: wanted.key, description: wanted.description }
  for (;;) {
    const { isDone } = await client.request(
      { type: 'DeploySubmission', deployment, name, ...(to && { to }) },
      { signal },
    )
    if (isDone) return
    await pause(innerLimits.orderLookMs, signal)
    signal.throwIfAborted()
  }
}
