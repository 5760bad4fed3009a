import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatHostPort } from '../../../addresses.js'
import { builtFile } from '../../../built-file.js'
import { FiresteelError, isFiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { formatDuration } from '../../../units.js'
import type { Deployment } from '../../config/deployment.js'
import type { NodeUpgrade } from '../../node/upgrade-node.js'
import { type Console, printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { durationDefault } from './options.js'

interface UpgradeCommandOptions extends ClusterOptions {
  readonly to?: string
  readonly finish?: boolean
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds. */
  readonly minReady: number
}

/** The package that this command is of. */
const ownFolder = join(fileURLToPath(builtFile('.')), '..')

/** The Masters of the file; undefined where their ports are chosen at their start. */
const mastersOf = ({ masters }: Deployment): string | undefined =>
  masters.length === 0 || masters.some(({ port }) => port === 0)
    ? undefined
    : `firesteel://${masters.map(({ advertise: host, port }) => formatHostPort({ host, port })).join(',')}`

/** What the file names and is here: its secret, and the CA of its nodes. Otherwise commands find others. */
async function withAccessOf(deployment: Deployment, io: Console): Promise<Console> {
  const secret = await secretOf(deployment, io)
  const environment = {
    ...io.environment,
    ...(!io.environment.FIRESTEEL_TLS_CA && caOf(deployment)),
    ...(secret !== undefined && { FIRESTEEL_SECRET: secret }),
  }
  return { ...io, environment }
}

async function secretOf({ secret: source }: Deployment, io: Console): Promise<string | undefined> {
  if (source.kind === 'default') return undefined
  const { nodeSecret } = await import('../../config/cluster-secret.js')
  return nodeSecret(source, io.cwd, io.environment, false).catch((error: unknown) => {
    if (isFiresteelError(error, 'SECRET_MISSING')) return undefined
    throw error
  })
}

/** As variables of the environment. */
function caOf({ tls }: Deployment): Record<string, string> {
  if (!tls || !existsSync(tls.ca)) return {}
  return { FIRESTEEL_TLS_CA: tls.ca, ...(tls.crl !== undefined && { FIRESTEEL_TLS_CRL: tls.crl }) }
}

const lineOf = (node: string, { from, to }: NodeUpgrade, ms: number): string =>
  `${node}: ${from.version} -> ${to.version} (${formatDuration(Math.round(ms))})`

export const addUpgrade: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('upgrade')
      .argument('<file>', 'deployment file (YAML)')
      .description(
        'Runs all nodes of a deployment from another installed release, one after the other, through the launchers (`up`) of their machines: STANDBYs, the leader, which hands over, then Workers, whose executors, drivers and tasks run on. Before each step all Masters and Workers must be well. Stops at the first node that does not become ready, and says how to go back. With --finish no node is touched: the store gets the newest format that all Masters know, and from then on no older release can read it.',
      )
      .option(
        '--to <folder>',
        'folder of the package on each machine (default: that of the release that this command is of)',
      )
      .option(
        '--finish',
        'raise the format of the store, when the older release is not to come back; refused while a Master is of an older release, or missing',
      )
      .addOption(
        durationDefault(
          '--timeout <duration>',
          'how long the cluster may take to be well before each step',
          formatDuration(limits.restartTimeoutMs),
        ),
      )
      .addOption(
        durationDefault(
          '--min-ready <duration>',
          'how long the cluster must have been well after each node, before the next one',
          formatDuration(limits.upgradeMinReadyMs),
        ),
      ),
  )
    .addHelpText(
      'after',
      examples(
        'firesteel upgrade cluster.yaml',
        'firesteel upgrade cluster.yaml --to /opt/firesteel-0.1.0/node_modules/firesteel',
        'firesteel upgrade cluster.yaml --finish',
      ),
    )
    .action((file: string, options: UpgradeCommandOptions) => run((io) => upgradeFile(file, options, io)))
}

/** Ports alone may be those of another cluster. Throws APPLY_REFUSED, as an apply of this file would. */
export function requireSameCluster(
  file: string,
  { cluster: named }: Pick<Deployment, 'cluster'>,
  { cluster }: { readonly cluster: string },
): void {
  if (named === cluster) return
  throw new FiresteelError(
    'APPLY_REFUSED',
    `Nothing was done. ${file} is of the cluster ${JSON.stringify(named)}, and ${JSON.stringify(cluster)} runs at its Masters.`,
    { place: 'cluster', help: 'Give it the file that this cluster runs.' },
  )
}

async function upgradeFile(file: string, options: UpgradeCommandOptions, io: Console): Promise<number> {
  const { requireConfig } = await import('../../config/load-config.js')
  const deployment = await requireConfig(file, io.cwd, io.environment)
  if (deployment.masters.length + deployment.workers.length === 0)
    throw new FiresteelError('USAGE', `${file} has no nodes.`)
  if (options.finish && options.to !== undefined)
    throw new FiresteelError('USAGE', '--finish does not go with --to, because it changes no node.')
  const { upgrade, finishHint, finishText } = await import('../upgrade.js')
  const folder = resolve(io.cwd, options.to ?? ownFolder)
  const done: { node: string; host: string; from: string; to: string; ms: number }[] = []
  const found = await withAccessOf(deployment, io)
  const master = options.master ?? mastersOf(deployment)
  const { master: _, ...others } = options
  return withClient(found, { ...others, ...(master !== undefined && { master }) }, async (client) => {
    const running = await client.request({ type: 'RequestMasterState' }, { signal: io.interrupted })
    requireSameCluster(file, deployment, running)
    if (options.finish) {
      const masters = deployment.masters.length
      const request = { type: 'RequestFinishUpgrade', ...(masters > 0 && { masters }) } as const
      const { was, is } = await client.request(request, { signal: io.interrupted })
      if (options.json) await printJson(io, { was, is })
      else await io.out(finishText({ was, is }))
      return 0
    }
    const state = await upgrade(client, deployment, {
      folder,
      timeoutMs: options.timeout,
      minReadyMs: options.minReady,
      interrupted: io.interrupted,
      onStep: async ({ node, host }, upgraded, ms) => {
        const { from, to } = upgraded
        done.push({ node, host, from: from.version, to: to.version, ms: Math.round(ms) })
        if (!options.json) await io.out(`${printable(lineOf(node, upgraded, ms))}\n`)
      },
    })
    if (options.json) await printJson(io, { folder, nodes: done, ...(state.store && { store: state.store }) })
    else await io.out(finishHint(state))
    return 0
  })
}
