import type { MasterClient } from '../../../../actors/client/master-client.js'
import { awaitLaunchers, orderLauncher } from '../../../../actors/client/order-launcher.js'
import type { DeploymentResponse } from '../../../../actors/messages/deployments.js'
import { FiresteelError } from '../../../errors.js'
import type { Deployment } from '../../config/deployment.js'
import { keysToAsk } from '../submission-key.js'
import { type FileSubmission, fileSubmission } from '../submissions.js'
import { type ApplyInput, type ApplyPlan, type LauncherView, planApply } from './apply-plan.js'

/** The file that a launcher runs now. */
interface PresentFile {
  readonly file: string
  readonly folder: string
  readonly text: string
}

/** What there is, and what it takes to become what the file says. */
export interface Survey {
  readonly plan: ApplyPlan
  readonly launchers: readonly LauncherView[]
  readonly submissions: readonly FileSubmission[]
  readonly state: DeploymentResponse
  readonly present: PresentFile
}

interface SurveyParts {
  readonly client: MasterClient
  readonly config: Deployment
  readonly text: string
  readonly prune: boolean
  readonly signal: AbortSignal
}

export async function surveyCluster({ client, config, text, prune, signal }: SurveyParts): Promise<Survey> {
  const linked = await awaitLaunchers(client, ({ length }) => length > 0, signal)
  const asked = linked.map(async ({ id, host, nodes }) => {
    const answer = await orderLauncher(client, id, { kind: 'plan', text }, { signal })
    const { file, ...found } = answer as Pick<LauncherView, 'changes' | 'steps'> & { file: PresentFile }
    return { file, view: { id, host, nodes: nodes.map(({ name }) => name), ...found } }
  })
  const answers = await Promise.all(asked)
  const [first] = answers
  if (!first)
    throw new FiresteelError('LAUNCHER_AWAY', 'No launcher of this cluster has a link to the leader.')
  const submissions: FileSubmission[] = []
  for (const plan of config.submissions) submissions.push(await fileSubmission(plan, client, signal))
  const launchers = answers.map(({ view }) => view)
  const parts = { client, wanted: config, launchers, submissions, prune, signal }
  return { ...(await surveyDrivers(parts)), present: first.file }
}

interface DriverSurveyParts extends Pick<SurveyParts, 'client' | 'prune' | 'signal'> {
  readonly wanted: ApplyInput['wanted']
  readonly launchers: readonly LauncherView[]
  readonly submissions: readonly FileSubmission[]
}

/** The part of it that the leader knows, and the plan for all of it. */
export async function surveyDrivers({
  client,
  signal,
  ...input
}: DriverSurveyParts): Promise<Omit<Survey, 'present'>> {
  const { launchers, submissions } = input
  const keys = submissions.flatMap(({ key }) => keysToAsk(key))
  const state = await client.request({ type: 'RequestDeployment', keys }, { signal })
  const plan = planApply({ ...input, live: state.submissions, ended: state.ended })
  return { plan, launchers, submissions, state }
}
