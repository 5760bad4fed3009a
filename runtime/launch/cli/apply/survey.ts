import type { MasterClient } from '../../../../actors/client/master-client.js'
import { awaitLaunchers, type Launcher, orderLauncher } from '../../../../actors/client/order-launcher.js'
import type { DeploymentResponse } from '../../../../actors/messages/deployments.js'
import { FiresteelError } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'
import { limits } from '../../../limits.js'
import { pause } from '../../../pause.js'
import type { Deployment } from '../../config/deployment.js'
import { keysToAsk } from '../submission-key.js'
import { type FileSubmission, fileSubmission } from '../submissions.js'
import {
  type ApplyInput,
  type ApplyPlan,
  type LauncherView,
  planApply,
  withoutLauncher,
} from './apply-plan.js'

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

interface Asked {
  readonly view: LauncherView
  readonly file: PresentFile
}

type AskParts = Pick<SurveyParts, 'client' | 'config' | 'text' | 'signal'>

async function ask({ id, host, nodes }: Launcher, { client, text, signal }: AskParts): Promise<Asked> {
  const answer = await orderLauncher(client, id, { kind: 'plan', text }, { signal })
  const { file, named = [], ...found } = answer as PlanAnswer
  return { file, view: { id, host, nodes: nodes.map(({ name }) => name), named, ...found } }
}

/** What an order to plan answers. */
type PlanAnswer = Pick<LauncherView, 'changes' | 'steps'> & {
  /** Absent: an earlier release. */
  readonly named?: readonly string[]
  readonly file: PresentFile
}

/**
 * Asks each launcher that is linked. While the leader is new, a launcher may still dial it: those that run a
 * node of the file, or of the one before, are waited for.
 */
export async function askLaunchers(parts: AskParts, wait = pause): Promise<readonly Asked[]> {
  const { client, config, signal } = parts
  const asked = new Map<string, Asked>()
  for (;;) {
    const { launchers, leaderForMs = limits.launcherPatienceMs } = await client.request({
      type: 'RequestLaunchers',
    })
    const others = launchers.filter(({ id }) => !asked.has(id))
    const answers = await Promise.all(others.map((launcher) => ask(launcher, parts)))
    for (const answer of answers) asked.set(answer.view.id, answer)
    const views = [...asked.values()].map(({ view }) => view)
    const steps = views.flatMap((view) => view.steps)
    const { homeless, away } = withoutLauncher({ wanted: config, launchers: views }, steps)
    const isWhole = homeless.length + away.length === 0
    if (isWhole || leaderForMs >= limits.launcherPatienceMs) return [...asked.values()]
    await wait(innerLimits.orderLookMs, signal)
    signal.throwIfAborted()
  }
}

export async function surveyCluster({ prune, ...parts }: SurveyParts): Promise<Survey> {
  const { client, config, signal } = parts
  await awaitLaunchers(client, ({ length }) => length > 0, signal)
  const answers = await askLaunchers(parts)
  const [first] = answers
  if (!first)
    throw new FiresteelError('LAUNCHER_AWAY', 'No launcher of this cluster has a link to the leader.')
  const submissions: FileSubmission[] = []
  for (const plan of config.submissions) submissions.push(await fileSubmission(plan, client, signal))
  const launchers = answers.map(({ view }) => view)
  const drivers = { client, wanted: config, launchers, submissions, prune, signal }
  return { ...(await surveyDrivers(drivers)), present: first.file }
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
