import { dirname } from 'node:path'
import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import type { DriverDescription } from '../../../../actors/messages/common.js'
import { limits } from '../../../limits.js'
import { bytesText } from '../../../pages/words.js'
import { formatMemory, MIB_BYTES } from '../../../units.js'
import type { Command } from '../commander.js'
import type { Console } from '../console.js'
import { memoryOption } from './options.js'

/** Options of commands whose program may travel. */
export interface CodeOptions {
  /** False: `--no-code`. */
  readonly code: boolean
  /** False: `--no-modules`. */
  readonly modules: boolean
  /** MiB. */
  readonly codeLimit?: number
}

export const codeOptions = (command: Command): Command =>
  command
    .option('--no-code', 'send no files: they lie at the same path on every Worker')
    .option('--no-modules', 'leave node_modules behind')
    .option(
      '--code-limit <size>',
      `the most that its files may have together (default: ${formatMemory(limits.codeBytes / MIB_BYTES)})`,
      memoryOption,
    )

/** What `run` tells connect() of its program. */
export const bootCode = ({ code, modules, codeLimit }: CodeOptions) => ({
  travels: code,
  modules,
  ...(codeLimit !== undefined && { maxBytes: codeLimit * MIB_BYTES }),
})

/** What Node runs. */
const SCRIPT = /\.[mc]?[jt]s$/

interface SubmissionCode {
  readonly io: Console
  readonly client: MasterClient
  readonly found: FoundCluster
  readonly description: DriverDescription
  readonly options: CodeOptions & { readonly json?: true }
}

/**
 * Sends the files of a submission to Workers, unless all of them see these files. Returns what the
 * description says of it; undefined: nothing travels. Rejects with the errors of collecting and sending.
 */
export async function codeOfSubmission({
  io,
  client,
  found,
  description,
  options,
}: SubmissionCode): Promise<DriverDescription['code']> {
  // A driver of the cluster has no key for the ports of Workers.
  if (!options.code || found.local || found.credential.role !== 'client') return undefined
  const { machineSeal } = await import('../../../code/machine-seal.js')
  const place = machineSeal()
  const signal = io.interrupted
  const plan = await client.request({ type: 'RequestCodePlan', place }, { signal })
  if (plan.inPlace) return undefined
  const { collectCode } = await import('../../../code/collect.js')
  const { packageFolderOf } = await import('../../../code/package-folder.js')
  const { sendCode } = await import('../../../../actors/client/send-code.js')
  const beside = dirname(description.main)
  const packageFolder = await packageFolderOf(beside)
  // A program of the machine, such as /usr/bin/rsync: its folder is no code of anybody.
  if (packageFolder === undefined && !SCRIPT.test(description.main)) return undefined
  const root = packageFolder ?? beside
  const maxBytes = options.codeLimit === undefined ? undefined : options.codeLimit * MIB_BYTES
  const { manifest, sources } = await collectCode({ folder: root, modules: options.modules, maxBytes })
  const code = { manifest, root, sourceOf: (at: number) => sources[at] ?? '' }
  let sent = 0
  const onSent = (bytes: number): void => {
    sent += bytes
  }
  await sendCode(code, { client, found, place, signal, onSent })
  if (!options.json && sent > manifest.text.length * 2)
    await io.err(`Sent ${bytesText(sent)} of code (${manifest.files.length} files).\n`)
  return { id: manifest.id, root }
}
