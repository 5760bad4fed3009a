import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import { userAtHost } from '../../../../actors/client/user-name.js'
import { credentialPath } from '../../../credentials.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'
import { limits } from '../../../limits.js'
import type { Deployment } from '../../config/deployment.js'
import { readDeploymentText } from '../../config/load-config.js'
import { ConfigRefused } from '../../config/problem.js'
import { type ReadOptions, readConfig } from '../../config/read.js'
import { refuseLaterFeatures } from '../../node/node-plan.js'
import { type Console, printJson } from '../console.js'
import { changeText } from '../difference-text.js'
import type { ApplyPlan } from './apply-plan.js'
import { changeLines, isEmpty, planJson, planText, stepText } from './apply-text.js'
import { carryOut } from './carry-out.js'
import { type Survey, surveyCluster } from './survey.js'

export interface ApplyOptions {
  readonly file: string | undefined
  /** Back to the file of this deployment. */
  readonly to: number | undefined
  readonly dryRun: boolean
  readonly prune: boolean
  readonly drainMs: number | undefined
  readonly json: boolean
}

interface Apply {
  readonly io: Console
  readonly client: MasterClient
  readonly found: FoundCluster
  readonly options: ApplyOptions
}

type Source = ReadOptions & { readonly text: string }

/** The file that is to be applied. Throws USAGE, CONFIG_UNREADABLE, UNKNOWN_ID. */
async function sourceOf({ io, client, options: { file, to } }: Apply): Promise<Source> {
  if ((file === undefined) === (to === undefined))
    throw new FiresteelError('USAGE', 'apply needs a file, or --to with the number of a deployment.')
  if (file !== undefined) return readDeploymentText(file, io.cwd, io.environment)
  const { deployment, newest } = await client.request({ type: 'RequestDeployment', number: to! })
  if (!deployment)
    throw new FiresteelError('UNKNOWN_ID', `There is no deployment ${to}; the newest is ${newest}.`, {
      help: 'See `firesteel history`.',
    })
  const credential = (name: string): string | undefined => credentialPath(name, io.environment)
  const { folder, text } = deployment
  return { file: deployment.file, folder, text, environment: io.environment, credential }
}

function configOf({ text, ...options }: Source): Deployment {
  if (text.length > limits.deploymentChars)
    throw new FiresteelError(
      'RECORD_TOO_LARGE',
      `${options.file} has ${text.length} characters; a file that is applied has at most ${limits.deploymentChars}.`,
      { place: options.file },
    )
  const { config, problems } = readConfig(text, options)
  if (!config) throw new ConfigRefused(problems)
  refuseLaterFeatures(config)
  return config
}

/** Throws APPLY_REFUSED or LAUNCHER_AWAY, before anything is done. */
function requirePossible({ refused, homeless }: ApplyPlan): void {
  if (refused.length > 0)
    throw new FiresteelError('APPLY_REFUSED', `Nothing was done. ${refused.map(changeText).join('. ')}.`)
  if (homeless.length === 0) return
  const names = homeless.map(({ name, host }) => `${name} (${host})`).join(', ')
  throw new FiresteelError('LAUNCHER_AWAY', `Nothing was done, because no launcher would start ${names}.`, {
    help: 'Run `firesteel up FILE` with the new file on these machines first.',
  })
}

/** Firesteel's `apply`. Returns the exit code. */
export async function apply(parts: Apply): Promise<number> {
  const { io, client, options } = parts
  const { prune, dryRun, json } = options
  const source = await sourceOf(parts)
  const config = configOf(source)
  const signal = io.interrupted
  const survey = await surveyCluster({ client, config, text: source.text, prune, signal })
  const { plan, state } = survey
  const isCutOff = state.deployment?.state === 'APPLYING' && state.deployment.text === source.text
  if (!json) await io.out(planText(plan))
  requirePossible(plan)
  if (dryRun || (isEmpty(plan) && !isCutOff)) {
    if (json) await printJson(io, { deployment: state.newest || null, done: false, ...planJson(plan) })
    else await io.out(isEmpty(plan) ? 'Nothing to do.\n' : 'Nothing was done, because of --dry-run.\n')
    return 0
  }
  const number = await begin(parts, source, survey)
  await finish(parts, source.text, survey, number)
  if (json) await printJson(io, { deployment: number, done: true, ...planJson(plan) })
  else await io.out(`Deployment ${number} is applied.\n`)
  return 0
}

async function begin(
  { io, client, options }: Apply,
  { file, folder, text }: Source,
  { plan, state, present }: Survey,
): Promise<number> {
  const { number } = await client.request(
    {
      type: 'BeginDeployment',
      ...{ file, folder, text },
      by: userAtHost(),
      changes: changeLines(plan),
      ...(options.to !== undefined && { back: options.to }),
      after: state.newest,
      ...(state.newest === 0 && { former: present }),
    },
    { signal: io.interrupted },
  )
  return number
}

/** What cannot be done ends it FAILED, so that the history says why. Of what was cut off nothing is said. */
async function finish(apply: Apply, text: string, survey: Survey, number: number): Promise<void> {
  const { io, client, found, options } = apply
  const isQuiet = options.json
  const onStep: Parameters<typeof carryOut>[0]['onStep'] = async (step) => {
    if (!isQuiet) await io.out(`${stepText(step)}\n`)
  }
  const { drainMs } = options
  try {
    await carryOut({ io, client, found, survey, text, number, drainMs, isQuiet, onStep })
  } catch (error) {
    const isOurs = !io.interrupted.aborted && !isFiresteelError(error, 'APPLY_OVERTAKEN')
    const message = reasonOf(error).slice(0, innerLimits.orderMessageChars)
    // The first error is the one that counts.
    if (isOurs)
      await client.request({ type: 'EndDeployment', number, state: 'FAILED', message }).catch(() => undefined)
    throw error
  }
  await client.request({ type: 'EndDeployment', number, state: 'APPLIED' }, { signal: io.interrupted })
}
