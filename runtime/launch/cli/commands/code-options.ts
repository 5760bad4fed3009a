import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import type { DriverDescription } from '../../../../actors/messages/common.js'
import { limits } from '../../../limits.js'
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
export async function codeOfSubmission(parts: SubmissionCode): Promise<DriverDescription['code']> {
  const { io, client, found, options } = parts
  // A driver of the cluster has no key for the ports of Workers.
  if (!options.code || found.local || found.credential.role !== 'client') return undefined
  const { collectForWorkers, sendCollected } = await import('../travelling-code.js')
  const { main } = parts.description
  const code = await collectForWorkers({ client, main, options, signal: io.interrupted })
  if (!code) return undefined
  await sendCollected(code, { io, client, found, isQuiet: options.json === true })
  return { id: code.manifest.id, root: code.root }
}
