import type { CodeDialer } from '../../../../actors/client/dial-for-code.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import { formatHostPort } from '../../../addresses.js'
import type { CodeRow } from '../../../code/code-cache.js'
import { FiresteelError, reasonOf } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'
import { printable } from '../../../observe/printable.js'
import { bytesText } from '../../../pages/words.js'
import { formatAge } from '../../../units.js'
import { Argument } from '../commander.js'
import { type Console, printJson } from '../console.js'
import { table } from '../text-table.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

interface Dialer extends CodeDialer {
  readonly client: MasterClient
}

const actions = ['ls', 'rm'] as const
type Action = (typeof actions)[number]

interface WorkerPlace {
  readonly id: string
  readonly address: string
}

/** One code, over all Workers that have it. */
interface FoundCode {
  readonly id: string
  readonly bytes: number
  readonly files: number
  readonly usedAtMs: number
  readonly workers: string[]
  /** Workers on which work needs it. */
  readonly heldOn: string[]
}

async function workersOf(client: MasterClient): Promise<WorkerPlace[]> {
  const state = await client.request({ type: 'RequestMasterState' })
  return state.workers
    .filter(({ state: how }) => how === 'ALIVE')
    .map(({ id, host, port }) => ({ id, address: formatHostPort({ host, port }) }))
}

/** A Worker that cannot be asked is said, and the others are shown. */
async function listAll(
  io: Console,
  dialer: CodeDialer,
  workers: readonly WorkerPlace[],
): Promise<FoundCode[]> {
  const { listCodes } = await import('../../../../actors/client/worker-codes.js')
  const all = new Map<string, FoundCode>()
  const listed = await Promise.allSettled(workers.map(({ address }) => listCodes(dialer, address)))
  for (const [at, result] of listed.entries()) {
    const { id: worker } = workers[at] as WorkerPlace
    if (result.status === 'rejected') await io.err(`${printable(`${worker}: ${reasonOf(result.reason)}`)}\n`)
    else for (const row of result.value) all.set(row.id, merged(all.get(row.id), row, worker))
  }
  return [...all.values()].sort((a, b) => b.usedAtMs - a.usedAtMs)
}

function merged(known: FoundCode | undefined, row: CodeRow, worker: string): FoundCode {
  const { id, bytes, files, usedAtMs, held } = row
  return {
    id,
    bytes,
    files,
    usedAtMs: Math.max(usedAtMs, known?.usedAtMs ?? 0),
    workers: [...(known?.workers ?? []), worker],
    heldOn: [...(known?.heldOn ?? []), ...(held ? [worker] : [])],
  }
}

async function list(io: Console, dialer: Dialer, json: boolean): Promise<void> {
  const codes = await listAll(io, dialer, await workersOf(dialer.client))
  if (json) {
    await printJson(io, codes)
    return
  }
  if (codes.length === 0) {
    await io.out('No Worker has any code.\n')
    return
  }
  const now = Date.now()
  const rows = codes.map(({ id, bytes, files, usedAtMs, workers, heldOn }) => [
    id.slice(0, innerLimits.codeShownChars),
    bytesText(bytes),
    files,
    `${formatAge(Math.max(0, now - usedAtMs))} ago`,
    workers.length,
    heldOn.length > 0 ? 'yes' : 'no',
  ])
  await io.out(`${table(['CODE', 'SIZE', 'FILES', 'USED', 'WORKERS', 'IN USE'], rows).join('\n')}\n`)
}

/** Throws UNKNOWN_ID, AMBIGUOUS where several begin so. */
function chosen(codes: readonly FoundCode[], text: string): FoundCode {
  const [code, other] = codes.filter(({ id }) => id.startsWith(text))
  if (code === undefined)
    throw new FiresteelError('UNKNOWN_ID', `No Worker has a code ${JSON.stringify(text)}.`, {
      help: 'Run `firesteel code ls` for the ids.',
    })
  if (other !== undefined)
    throw new FiresteelError('USAGE', `Several codes begin with ${text}: write more of the id.`, {
      place: text,
    })
  return code
}

async function remove(io: Console, dialer: Dialer, ids: readonly string[], json: boolean): Promise<number> {
  if (ids.length === 0) throw new FiresteelError('USAGE', '`code rm` needs the id of a code.')
  const { removeCode } = await import('../../../../actors/client/worker-codes.js')
  const workers = await workersOf(dialer.client)
  const codes = await listAll(io, dialer, workers)
  const results: { id: string; removed: string[]; kept: { worker: string; reason: string }[] }[] = []
  for (const { id, workers: holders } of ids.map((text) => chosen(codes, text))) {
    const result = { id, removed: [] as string[], kept: [] as { worker: string; reason: string }[] }
    for (const worker of holders) {
      const { address } = workers.find((place) => place.id === worker) as WorkerPlace
      const reason = await removeCode(dialer, address, id)
      if (reason === undefined) result.removed.push(worker)
      else result.kept.push({ worker, reason })
    }
    results.push(result)
  }
  if (json) await printJson(io, results)
  else
    for (const { id, removed, kept } of results) {
      const why = kept.map(({ worker, reason }) => `; kept on ${worker}: ${reason}`).join('')
      const text = `${id.slice(0, innerLimits.codeShownChars)}: removed from ${removed.length} of ${removed.length + kept.length} Workers${why}`
      await io.out(`${printable(text)}\n`)
    }
  return results.some(({ kept }) => kept.length > 0) ? 1 : 0
}

export const addCode: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('code')
      .description(
        'Lists the code that Workers keep for drivers and applications, or removes some of it. Code that work uses stays.',
      )
      .addArgument(new Argument('<action>', 'ls lists, rm removes').choices(actions))
      .argument('[ids...]', 'with rm: ids of codes, or what they begin with'),
  )
    .addHelpText('after', examples('firesteel code ls', 'firesteel code rm 3f5a9c'))
    .action((action: Action, ids: string[], options: ClusterOptions) =>
      run((io) =>
        withClient(io, options, async (client, found) => {
          const json = options.json === true
          const dialer = { client, cluster: found.cluster }
          if (action === 'rm') return remove(io, dialer, ids, json)
          if (ids.length > 0) throw new FiresteelError('USAGE', '`code ls` takes no ids.')
          await list(io, dialer, json)
          return 0
        }),
      ),
    )
}
