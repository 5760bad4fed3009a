import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { formatHostPort } from '../../addresses.js'
import { FiresteelError, reasonOf } from '../../errors.js'
import { MIB_BYTES } from '../../units.js'
import type { Deployment, MasterPlan, WorkerPlan } from '../config/deployment.js'
import { defaultMemoryMib, isOwnHost, machineCores, machineMemoryMib, shareOf } from '../config/machine.js'
import type { NodeCredential } from '../config/node-credential.js'
import type { FormerProcess } from './launcher-core.js'
import type { PlannedNode } from './launcher-node.js'
import type { MasterSpec, NodeSpec, WorkerSpec } from './node-spec.js'

/** Which nodes of a deployment run here. */
export interface NodePlan {
  readonly masters: readonly MasterPlan[]
  readonly workers: readonly WorkerPlan[]
  /** firesteel:// of the Masters that run elsewhere. */
  readonly otherMasters: readonly string[]
}

/** What all nodes of one launcher share. */
export interface SpecContext extends NodeCredential {
  readonly deployment: Deployment
  /** Absolute. Each Worker gets a folder in it. */
  readonly workFolder: string
  /** Somebody starts its nodes again when they end. */
  readonly isSupervised: boolean
}

export const masterAddress = ({ advertise, port }: MasterPlan): string =>
  `firesteel://${formatHostPort({ host: advertise, port })}`

/**
 * The nodes that run here, for their launcher. The address of a Master whose port is not 0 is known in
 * advance.
 */
export function plannedNodes({ masters, workers }: NodePlan): PlannedNode[] {
  return [
    ...masters.map((master) => ({
      name: master.name,
      role: 'master' as const,
      address: master.port === 0 ? undefined : masterAddress(master),
    })),
    ...workers.map(({ name, drainOnStopMs }) => ({
      name,
      role: 'worker' as const,
      ...(drainOnStopMs !== null && { drainMs: drainOnStopMs }),
    })),
  ]
}

/** firesteel:// of all Masters whose address is known before anything listens. */
export function knownMasters(plan: NodePlan): string[] {
  return [...new Set([...plannedNodes(plan).flatMap(({ address }) => address ?? []), ...plan.otherMasters])]
}

/** Throws CONFIG_INVALID if the module of CUSTOM recovery does not exist. `check` must not need it. */
export async function requireRecoveryModule({ recovery }: Deployment): Promise<void> {
  if (recovery.module === null) return
  try {
    await access(recovery.module, constants.R_OK)
  } catch (cause) {
    const message = `recovery.module ${recovery.module} cannot be read: ${reasonOf(cause)}.`
    throw new FiresteelError('CONFIG_INVALID', message, { place: recovery.module, cause })
  }
}

/**
 * Refuses settings that are valid in a file but that this release does not support. Throws NOT_IN_RELEASE.
 */
export function refuseLaterFeatures({ masters }: Deployment): void {
  const refuse = (what: string, instead: string): never => {
    throw new FiresteelError('NOT_IN_RELEASE', `${what} is not in this release.`, { help: instead })
  }
  if (masters.some(({ rest }) => rest !== null))
    refuse('The REST gateway', 'Leave `rest` out; use firesteel submit.')
}

/**
 * The nodes whose host is an address of this machine, or those named in `only`. Throws USAGE for a name that
 * is not in the file, and for a deployment with nothing to run here.
 */
export async function planNodes(deployment: Deployment, only: readonly string[] = []): Promise<NodePlan> {
  const all = [...deployment.masters, ...deployment.workers]
  for (const name of only) {
    if (all.some((node) => node.name === name)) continue
    const names = all.map((node) => node.name).join(', ')
    throw new FiresteelError('USAGE', `No node is named ${name}; there are ${names}.`)
  }
  const here = new Set<string>()
  for (const { name, host } of all) {
    if (only.length > 0 ? only.includes(name) : await isOwnHost(host)) here.add(name)
  }
  if (here.size === 0) {
    throw new FiresteelError('USAGE', 'No node of this file has an address of this machine as its host.', {
      help: 'Correct `host`, or name nodes with --only.',
    })
  }
  const elsewhere = deployment.masters.filter(({ name }) => !here.has(name))
  for (const master of elsewhere) {
    if (master.port !== 0) continue
    throw new FiresteelError(
      'CONFIG_CONFLICT',
      `${master.name} runs elsewhere with port 0, so no node here can find it. Give it a fixed port.`,
      {
        help: 'Give it a fixed port.',
      },
    )
  }
  return {
    masters: deployment.masters.filter(({ name }) => here.has(name)),
    workers: deployment.workers.filter(({ name }) => here.has(name)),
    otherMasters: [...elsewhere.map(masterAddress), ...deployment.join],
  }
}

function common(plan: MasterPlan | WorkerPlan, { deployment, secret }: SpecContext, former: FormerProcess) {
  return {
    name: plan.name,
    cluster: deployment.cluster,
    secret,
    tls: deployment.tls,
    audit: deployment.audit,
    host: plan.host,
    // 0 is any free port. Restarts of the node keep it.
    port: plan.port || (former.place?.port ?? 0),
    web: plan.web === 0 ? (former.place?.webPort ?? 0) : plan.web,
    ...(plan.webHost !== undefined && { webHost: plan.webHost }),
    advertise: plan.advertise,
    leaseMs: deployment.recovery.leaseMs,
    logging: deployment.logging,
    traceRing: deployment.traceRing,
    otlp: deployment.otlp,
    monitoring: deployment.monitoring,
  }
}

export function masterSpec(
  plan: MasterPlan,
  context: SpecContext,
  former: FormerProcess,
  masters: readonly string[],
): MasterSpec {
  const { recovery, scheduling, recording } = context.deployment
  return {
    ...common(plan, context, former),
    role: 'master',
    rest: plan.rest,
    recovery,
    scheduling,
    recording,
    masters,
    observedEpoch: former.epoch,
  }
}

function offerOf(plan: WorkerPlan, { workers }: Deployment) {
  const beside = workers.filter(({ host }) => host === plan.host)
  const index = beside.findIndex(({ name }) => name === plan.name)
  const cores = beside.map((worker) => worker.cores)
  const memoryMib = beside.map((worker) => worker.memoryMib)
  return {
    cores: plan.cores ?? shareOf(machineCores(), cores, index),
    memoryMib: plan.memoryMib ?? shareOf(defaultMemoryMib(machineMemoryMib()), memoryMib, index),
  }
}

/** Workers of one machine do not share a cache: each removes what it does not use. */
function codeOf({ deployment, workFolder }: SpecContext, name: string): WorkerSpec['code'] {
  const { cache, maxMib, inPlace } = deployment.code
  return {
    cache: cache === null ? join(workFolder, name, 'code') : join(cache, name),
    maxBytes: maxMib * MIB_BYTES,
    inPlace,
  }
}

export function workerSpec(
  plan: WorkerPlan,
  context: SpecContext,
  former: FormerProcess,
  masters: readonly string[],
): WorkerSpec {
  const { scheduling } = context.deployment
  return {
    ...common(plan, context, former),
    role: 'worker',
    ...(context.join !== undefined && { join: context.join }),
    masters,
    ...offerOf(plan, context.deployment),
    resources: plan.resources,
    labels: plan.labels,
    drainOnStopMs: plan.drainOnStopMs,
    noNewPrivileges: plan.noNewPrivileges,
    codeRoots: plan.codeRoots,
    allowEnv: plan.allowEnv,
    cgroup: plan.cgroup,
    runAs: plan.runAs,
    isSupervised: context.isSupervised,
    workerTimeoutMs: scheduling.workerTimeoutMs,
    orphanGraceMs: scheduling.orphanGraceMs,
    workDirectory: join(context.workFolder, plan.name),
    code: codeOf(context, plan.name),
  }
}

/** What a node has before its first process. */
export const firstLife: FormerProcess = { place: undefined, epoch: 0 }

/** The specification of a planned node, by name. */
export function specFor(plan: NodePlan, context: SpecContext) {
  return (name: string, masters: readonly string[], former: FormerProcess): NodeSpec => {
    const master = plan.masters.find((node) => node.name === name)
    if (master) return masterSpec(master, context, former, masters)
    const worker = plan.workers.find((node) => node.name === name)
    if (worker) return workerSpec(worker, context, former, masters)
    throw new FiresteelError('INTERNAL', `no node is planned as ${name}`)
  }
}
