import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import { userAtHost } from '../../../../actors/client/user-name.js'
import { credentialPath } from '../../../credentials.js'
import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { pause } from '../../../pause.js'
import type { Deployment } from '../../config/deployment.js'
import { readDeploymentText } from '../../config/load-config.js'
import { ConfigRefused } from '../../config/problem.js'
import { type ReadOptions, readConfig } from '../../config/read.js'
import { refuseLaterFeatures } from '../../node/node-plan.js'
import { type Console, printJson } from '../console.js'
import type { ApplyStep } from './apply-plan.js'
import { changeLines, isEmpty, planJson, planText, stepText } from './apply-text.js'
import { type CarryOutParts, carryOut } from './carry-out.js'
import { deploy, hasNothingToDo, requirePossible } from './deploy.js'
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

/** Firesteel's `apply`. Returns the exit code. */
export async function apply(parts: Apply): Promise<number> {
  const { io, client, options } = parts
  const { prune, dryRun, json } = options
  const source = await sourceOf(parts)
  const config = configOf(source)
  const signal = io.interrupted
  const { file, folder, text } = source
  let shown: Survey | undefined
  const number = await deploy({
    client,
    signal,
    look: () => surveyCluster({ client, config, text, prune, signal }),
    goesOn: async (survey) => {
      shown = survey
      const { plan, state } = survey
      if (!json) await io.out(planText(plan))
      requirePossible(plan)
      return !dryRun && !hasNothingToDo({ plan, state })
    },
    begin: ({ plan, state, present }) => ({
      ...{ file, folder, text },
      by: userAtHost(),
      changes: changeLines(plan),
      ...(options.to !== undefined && { back: options.to }),
      after: state.newest,
      ...(state.newest === 0 && { former: present }),
    }),
    carryOut: (survey, number) => carryOut(stepsOf(parts, text, survey, number)),
  })
  await tellEnd(parts, shown!, number)
  return 0
}

async function tellEnd(
  { io, options }: Apply,
  { plan, state }: Survey,
  number: number | undefined,
): Promise<void> {
  const done = number !== undefined
  if (options.json)
    await printJson(io, { deployment: number ?? (state.newest || null), done, ...planJson(plan) })
  else if (done) await io.out(`Deployment ${number} is applied.\n`)
  else await io.out(isEmpty(plan) ? 'Nothing to do.\n' : 'Nothing was done, because of --dry-run.\n')
}

function stepsOf(
  { io, client, found, options }: Apply,
  text: string,
  survey: Survey,
  number: number,
): CarryOutParts {
  const { drainMs, json: isQuiet } = options
  const onStep = async (step: ApplyStep): Promise<void> => {
    if (!isQuiet) await io.out(`${stepText(step)}\n`)
  }
  const onWait = (message: string): void => {
    if (!isQuiet) void io.out(`  ${printable(message)}\n`)
  }
  return { io, client, found, survey, text, number, drainMs, isQuiet, onStep, onWait, pause }
}
