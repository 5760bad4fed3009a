import { join } from 'node:path'
import { credentialPath } from '../../../credentials.js'
import { FiresteelError } from '../../../errors.js'
import { type ServiceNotify, serviceNotify } from '../../../process/service-notify.js'
import { findStateFolder, STATE_FOLDER } from '../../../state-folder.js'
import { nodeSecret } from '../../config/cluster-secret.js'
import type { Deployment } from '../../config/deployment.js'
import { requireConfig } from '../../config/load-config.js'
import { isOwnHost } from '../../config/machine.js'
import { nodeCredential } from '../../config/node-credential.js'
import type { ConfigProblem } from '../../config/problem.js'
import { readValue } from '../../config/read.js'
import {
  firstLife,
  knownMasters,
  planNodes,
  refuseLaterFeatures,
  requireRecoveryModule,
  specFor,
} from '../../node/node-plan.js'
import type { NodeEvent, NodeRole, NodeSpec } from '../../node/node-spec.js'
import { runNodeUntil } from '../../node/run-node.js'
import { type Console, INTERRUPTED_EXIT, printJson, untilInterrupted } from '../console.js'

export interface SingleNode {
  readonly role: NodeRole
  readonly file: string | undefined
  /**
   * The node of the file. Without a name there must be one of this role, in the file or with a host of this
   * machine.
   */
  readonly name: string | undefined
  /** Without a file: the content of a file with the same keys. */
  readonly flags: unknown
  readonly json: boolean
}

/** Flags obey the rules of the file. Their errors name the key, which is the flag's name. */
function ofFlags(flags: unknown, { cwd, environment }: Console): Deployment {
  const { config, problems } = readValue(flags, cwd, environment, (name) => credentialPath(name, environment))
  if (config) return config
  throw new FiresteelError('USAGE', problems.map(({ message }: ConfigProblem) => `${message}.`).join(' '))
}

async function nodeName(deployment: Deployment, { role, name, file }: SingleNode): Promise<string> {
  const nodes = role === 'master' ? deployment.masters : deployment.workers
  const named = name === undefined ? nodes : nodes.filter((node) => node.name === name)
  if (named.length === 1) return named[0]!.name
  const own = await Promise.all(named.map(({ host }) => isOwnHost(host)))
  const here = named.filter((_, index) => own[index])
  if (here.length === 1) return here[0]!.name
  const names = nodes.map((node) => node.name).join(', ')
  const wanted = name === undefined ? 'name one with --name' : `none of them is ${name}`
  throw new FiresteelError(
    'USAGE',
    `${file ?? 'This command'} has these ${role}s: ${names || 'none'}; ${wanted}.`,
  )
}

function eventText(spec: NodeSpec, event: NodeEvent): string | undefined {
  if (event.event === 'listening') return `${spec.name} listens: ${event.address} ${event.web ?? ''}`
  return event.event === 'ready' ? `${spec.name} is ready` : undefined
}

/** What cuts a drain short: an interruption from the keyboard, or a second signal. */
async function hurryOf(stop: Promise<void>): Promise<void> {
  let first = ''
  const second = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        if (first !== '' || signal === 'SIGINT') resolve()
        first = signal
      })
  })
  await stop
  await second
}

/** What a supervisor, and `systemctl status`, hear of a node. */
function tellService(service: ServiceNotify, { role, name }: NodeSpec, event: NodeEvent): void {
  if (event.event === 'ready') service.ready(`The ${role} ${name} is ready`)
  else if (event.event === 'hindered') {
    const { error } = event
    service.status(error ? `Waits: ${error.code}: ${error.message}` : `The ${role} ${name} runs`)
  }
}

/** Runs one node in this process until it is interrupted. Nothing restarts it; `up` would. */
export async function singleNode(io: Console, node: SingleNode): Promise<number> {
  const deployment =
    node.file === undefined ? ofFlags(node.flags, io) : await requireConfig(node.file, io.cwd, io.environment)
  refuseLaterFeatures(deployment)
  const name = await nodeName(deployment, node)
  const plan = await planNodes(deployment, [name])
  if (node.role === 'master') await requireRecoveryModule(deployment)
  const folder = join(io.cwd, STATE_FOLDER)
  // As in `up`: the secret of Masters that run elsewhere cannot be made here.
  const make = plan.otherMasters.length === 0
  const secretFolder = make ? folder : (findStateFolder(io.cwd) ?? folder)
  const given = await nodeSecret(deployment.secret, secretFolder, io.environment, make)
  const credential = nodeCredential(given, plan, Date.now())
  // A service manager that wants to know when it is ready starts it again as well.
  const isSupervised = io.environment.NOTIFY_SOCKET !== undefined
  const context = { deployment, ...credential, workFolder: join(folder, 'work'), isSupervised }
  const spec = specFor(plan, context)(name, knownMasters(plan), firstLife)
  const warn = (text: string): void => void io.err(`${text}\n`)
  const service = serviceNotify({ environment: io.environment, warn })
  const tell = (event: NodeEvent): void => {
    tellService(service, spec, event)
    if (node.json) void printJson(io, { node: name, ...event })
    else {
      const text = eventText(spec, event)
      if (text !== undefined) void io.out(`${text}\n`)
    }
  }
  let signal = ''
  const stop = untilInterrupted(io).then((received) => {
    signal = received
    service.stopping()
  })
  await runNodeUntil(spec, tell, stop, undefined, hurryOf(stop))
  await service.told
  return signal === 'SIGINT' ? INTERRUPTED_EXIT : 0
}
