import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { builtFile, programs } from '../../built-file.js'
import { systemClock } from '../../clock.js'
import { reasonOf } from '../../errors.js'
import { denyCoreDumps } from '../../process/core-dumps.js'
import { requireDescriptors } from '../../process/descriptor-budget.js'
import { openInheritedControl } from '../../process/inherited-pipe.js'
import { readProcess } from '../../process/process-table.js'
import { type ServiceNotify, serviceNotify } from '../../process/service-notify.js'
import { clusterPath, requireTrusted } from '../../state-folder.js'
import { rememberApplied } from '../config/applied-file.js'
import { nodeSecret } from '../config/cluster-secret.js'
import type { Deployment } from '../config/deployment.js'
import type { EmbeddedOptions } from '../config/embedded.js'
import { claimFolder, releaseFolder, writeClusterFile } from '../config/folder.js'
import { mainFile } from '../config/main-file.js'
import { type NodeCredential, nodeCredential } from '../config/node-credential.js'
import { LateLink } from '../node/late-link.js'
import { Launcher } from '../node/launcher.js'
import { joinMasters, type LauncherLine } from '../node/launcher-core.js'
import { LauncherDuties } from '../node/launcher-duties.js'
import { MachineNodes } from '../node/machine-nodes.js'
import {
  type NodePlan,
  planNodes,
  plannedNodes,
  refuseLaterFeatures,
  requireRecoveryModule,
} from '../node/node-plan.js'
import { type Console, errorText, INTERRUPTED_EXIT, printJson, untilInterrupted } from './console.js'
import { errorRecord } from './error-record.js'
import { upDeployment as findDeployment, type UpDeployment } from './up-deployment.js'

export interface UpPlan {
  readonly file: string | undefined
  readonly only: readonly string[]
  /** Absolute. Secret, state and work of this cluster are in it. */
  readonly folder: string
  readonly embedded: Omit<EmbeddedOptions, 'folder'>
  /** The launcher that runs here ends first, and its Workers leave their work to this one. */
  readonly replace: boolean
  readonly untilStdinEnds: boolean
  /** Also report through descriptor 3, to the `up --detach` that started this process. */
  readonly report: boolean
  readonly json: boolean
}

/** Text of a launcher's line, for people; '' if there is nothing to say. */
export function lineText(line: LauncherLine): string {
  switch (line.event) {
    case 'waiting':
      return line.error === null ? '' : `${line.node} waits: ${errorText(line.error)}`
    case 'started':
      return `${line.node}: ${line.role} started, process ${line.pid}`
    case 'exited':
      return `${line.node}: process ${line.pid} ended, ${line.signal ?? `exit ${line.code}`}`
    case 'ready': {
      const nodes = line.nodes.map(
        ({ name, role, address, web }) => `  ${name} (${role}) ${address} ${web ?? ''}`,
      )
      return [`Cluster ${line.cluster} is ready: ${line.master}`, ...nodes].join('\n')
    }
  }
}

/** A node that waits is a problem, so it goes to standard error. */
export async function printLine(io: Console, line: LauncherLine, json: boolean): Promise<void> {
  if (json) return printJson(io, line)
  const text = lineText(line)
  if (text === '') return
  await (line.event === 'waiting' ? io.err : io.out)(`${text}\n`)
}

type Report = (message: unknown) => void

function openReport(plan: UpPlan): Report {
  if (!plan.report) return () => undefined
  const pipe = openInheritedControl()
  pipe.unref()
  return (message) => void pipe.send(message)
}

/** Runs the nodes of this machine until it is told to stop. Returns the exit code. */
export async function up(io: Console, plan: UpPlan): Promise<number> {
  const report = openReport(plan)
  try {
    return await run(io, plan, report)
  } catch (error) {
    report({ error: errorRecord(error) })
    throw error
  }
}

async function withoutCoreDumps(warn: (text: string) => void): Promise<void> {
  const problem = await denyCoreDumps()
  if (problem !== undefined) warn(`A core dump would hold the secret, and cannot be turned off: ${problem}.`)
}

async function run(io: Console, plan: UpPlan, report: Report): Promise<number> {
  const warn = (text: string): void => void io.err(`${text}\n`)
  // The nodes inherit it.
  const dumping = withoutCoreDumps(warn)
  const upDeployment = await findDeployment(plan, io)
  const { deployment } = upDeployment
  refuseLaterFeatures(deployment)
  const nodes = await planNodes(deployment, plan.only)
  if (nodes.masters.length > 0) {
    // Our nodes have the same limit as this process. An error here is better than a Master that refuses
    // Workers later.
    requireDescriptors(deployment.masters.length + deployment.workers.length - 1)
    await requireRecoveryModule(deployment)
  }
  for (const { main } of deployment.submissions) await mainFile(main, io.cwd)
  const links: LateLink[] = []
  await takeFolder(plan, nodes)
  await dumping
  try {
    // Nodes that join Masters elsewhere must know their secret. A secret that was made here would be refused
    // there.
    const make = nodes.otherMasters.length === 0
    // The caller of an ephemeral cluster looks for its secret in its folder.
    const environment = plan.embedded.freePorts ? {} : io.environment
    const given = await nodeSecret(deployment.secret, plan.folder, environment, make)
    const credential = nodeCredential(given, nodes, Date.now())
    const workFolder = join(plan.folder, 'work')
    await mkdir(workFolder, { recursive: true, mode: 0o700 })
    const place = { ...credential, workFolder, isSupervised: true }
    const machine = new MachineNodes(deployment, nodes, plan.only, place)
    const service = serviceNotify({ environment: io.environment, warn })
    const launcher = new Launcher({
      cluster: deployment.cluster,
      nodes: plannedNodes(nodes),
      otherMasters: nodes.otherMasters,
      specOf: (name, masters, former) => machine.spec(name, masters, former),
      program: nodeProgram(deployment),
      cwd: io.cwd,
      clock: systemClock,
      onMasters: (masters) => {
        rememberCluster(plan.folder, deployment, credential, masters, warn)
        const { cluster } = deployment
        if (plan.json) void printJson(io, { event: 'masters', cluster, master: joinMasters(masters) })
      },
      onLog: (_, text) => warn(text),
      onLine: (line) => {
        report(line)
        tellService(service, line)
        void printLine(io, line, plan.json)
        if (line.event === 'ready') {
          if (credential.join === undefined) void submit(io, deployment, launcher.masters, credential.secret)
          link.open()
        }
      },
    })
    const link = lateLink({ plan, ...upDeployment, launcher, machine, credential, warn })
    links.push(link)
    if (nodes.masters.length === 0)
      rememberCluster(plan.folder, deployment, credential, nodes.otherMasters, warn)
    return await untilStopped(io, plan, launcher, service)
  } finally {
    for (const link of links) await link.close()
    await pendingWrite
    await releaseFolder(plan.folder)
    // Its owner has ended, perhaps without a chance to clean up.
    if (plan.embedded.freePorts && plan.untilStdinEnds)
      await rm(plan.folder, { recursive: true, force: true })
  }
}

async function takeFolder({ folder, embedded, replace }: UpPlan, nodes: NodePlan): Promise<void> {
  // A folder of --ephemeral was named by its caller.
  if (!embedded.freePorts) requireTrusted(folder)
  if (replace) {
    const { replaceLauncher } = await import('./replace-launcher.js')
    await replaceLauncher(folder, nodes.masters)
  }
  await claimFolder(folder, Math.max(0, ...nodes.workers.map(({ drainOnStopMs }) => drainOnStopMs ?? 0)))
}

interface LinkParts extends UpDeployment {
  readonly plan: UpPlan
  readonly launcher: Launcher
  readonly machine: MachineNodes
  readonly credential: NodeCredential
  readonly warn: (text: string) => void
}

/** A cluster of one process, such as that of a test, has nobody who would deploy to it. */
function lateLink({
  plan,
  launcher,
  machine,
  deployment,
  file,
  base,
  credential,
  warn,
}: LinkParts): LateLink {
  const duties = new LauncherDuties({
    launcher,
    nodes: machine,
    deployment,
    file,
    onNodes: () => void link.registerAgain(),
    remember: (number, text) => rememberApplied(plan.folder, { number, text, base }),
  })
  const link: LateLink = new LateLink({
    // Whoever has a Worker's token is no launcher to the Masters.
    isWanted: !plan.embedded.freePorts && credential.join === undefined,
    open: async () => {
      const { LauncherLink } = await import('../node/launcher-link.js')
      return new LauncherLink({
        cluster: deployment.cluster,
        tls: deployment.tls,
        secret: credential.secret,
        masters: launcher.masters,
        nodes: () => duties.nodes(),
        carryOut: (order, say) => duties.carryOut(order, say),
      })
    },
    warn,
  })
  return link
}

/** A module of the user for CUSTOM recovery shares the files of `firesteel/recovery` with its Master. */
const nodeProgram = ({ recovery }: Deployment): URL =>
  recovery.module === null ? programs.node : builtFile('runtime/launch/node/node-main.js')

/** A driver that cannot be submitted is reported. The cluster is up all the same. */
async function submit(
  io: Console,
  deployment: Deployment,
  masters: readonly string[],
  secret: string,
): Promise<void> {
  if (deployment.submissions.length === 0) return
  try {
    const { submitAll } = await import('./submissions.js')
    await submitAll({ deployment, masters, secret, io })
  } catch (error) {
    await io.err(`The drivers of the deployment file were not all submitted: ${reasonOf(error)}\n`)
  }
}

let pendingWrite: Promise<void> = Promise.resolve()

/** One write after the other. The last one counts. */
function rememberCluster(
  folder: string,
  { cluster, tls, secret }: Deployment,
  { join: token }: NodeCredential,
  masters: readonly string[],
  warn: (text: string) => void,
): void {
  const startTime = readProcess(process.pid)?.startTime ?? 'unknown'
  const content = {
    cluster,
    masters,
    master: joinMasters(masters),
    pid: process.pid,
    startTime,
    // The token of a Worker is no secret for commands.
    ...(secret.kind === 'file' && token === undefined && { secretFile: secret.path }),
    ...(tls && { tls: { ca: tls.ca, ...(tls.crl !== undefined && { crl: tls.crl }) } }),
  }
  pendingWrite = pendingWrite
    .then(() => writeClusterFile(folder, content))
    // The cluster is more important than the file by which commands in this folder find it.
    .catch((error: unknown) => warn(`${clusterPath(folder)} could not be written: ${reasonOf(error)}`))
}

async function untilStopped(
  io: Console,
  plan: UpPlan,
  launcher: Launcher,
  service: ServiceNotify,
): Promise<number> {
  let exitCode = 0
  const interrupted = untilInterrupted(io).then((signal) => {
    exitCode = signal === 'SIGINT' ? INTERRUPTED_EXIT : 0
    service.stopping()
    launcher.stop()
    for (const again of ['SIGINT', 'SIGTERM'] as const) process.once(again, () => launcher.killAll())
  })
  // Its supervisor starts the next one, perhaps of another release. The work goes on meanwhile.
  process.once('SIGUSR2', () => launcher.leave())
  if (plan.untilStdinEnds) {
    for (const event of ['end', 'close', 'error']) io.stdin.once(event, () => launcher.stop())
    io.stdin.resume()
  }
  launcher.start()
  try {
    await Promise.all([launcher.ended, Promise.race([interrupted, launcher.ended])])
  } finally {
    // Stopped by a signal. An input that is still open must not keep this process running.
    if (plan.untilStdinEnds) io.stdin.pause()
  }
  await service.told
  return exitCode
}

/** What a supervisor of this launcher, and `systemctl status`, hear. */
function tellService(service: ServiceNotify, line: LauncherLine): void {
  if (line.event === 'ready') service.ready(`Cluster ${line.cluster} is ready: ${line.master}`)
  else if (line.event === 'waiting') {
    service.status(line.error ? `${line.node} waits: ${line.error.code}` : `${line.node} runs`)
  }
}
