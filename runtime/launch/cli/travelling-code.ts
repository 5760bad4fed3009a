import { dirname } from 'node:path'
import type { FoundCluster } from '../../../actors/client/find-cluster.js'
import type { MasterClient } from '../../../actors/client/master-client.js'
import { type CodeToSend, sendCode } from '../../../actors/client/send-code.js'
import { codeDisk } from '../../code/code-disk.js'
import { machineSeal } from '../../code/machine-seal.js'
import { packageFolderOf } from '../../code/package-folder.js'
import { bytesText } from '../../pages/words.js'
import { MIB_BYTES } from '../../units.js'
import type { Console } from './console.js'

/* The code of what `submit` and deployment files submit. */

/** What Node runs. */
const SCRIPT = /\.[mc]?[jt]s$/

interface CollectParts {
  readonly client: MasterClient
  /** Absolute path of the program. */
  readonly main: string
  readonly options: { readonly modules: boolean; readonly codeLimit?: number }
  readonly signal: AbortSignal
}

/** Undefined: all Workers see the files of this machine, or the program is one of the machine. */
export async function collectForWorkers(parts: CollectParts): Promise<CodeToSend | undefined> {
  const { client, main, options, signal } = parts
  const plan = await client.request({ type: 'RequestCodePlan', place: machineSeal() }, { signal })
  if (plan.inPlace) return undefined
  const beside = dirname(main)
  const packageFolder = await packageFolderOf(beside)
  // A program of the machine, such as /usr/bin/rsync: its folder is no code of anybody.
  if (packageFolder === undefined && !SCRIPT.test(main)) return undefined
  const root = packageFolder ?? beside
  const maxBytes = options.codeLimit === undefined ? undefined : options.codeLimit * MIB_BYTES
  const { manifest, sources } = await codeDisk.collect({ folder: root, modules: options.modules, maxBytes })
  return { manifest, root, sourceOf: (at: number) => sources[at] ?? '' }
}

interface SendParts {
  readonly io: Pick<Console, 'err' | 'interrupted'>
  readonly client: MasterClient
  readonly found: Pick<FoundCluster, 'cluster'>
  readonly isQuiet: boolean
}

/** Resolves when as many Workers as must hold it do. */
export async function sendCollected(
  code: CodeToSend,
  { io, client, found, isQuiet }: SendParts,
): Promise<void> {
  let sent = 0
  const onSent = (bytes: number): void => {
    sent += bytes
  }
  await sendCode(code, {
    client,
    cluster: found.cluster,
    place: machineSeal(),
    signal: io.interrupted,
    onSent,
  })
  const { files, text } = code.manifest
  if (!isQuiet && sent > text.length * 2)
    await io.err(`Sent ${bytesText(sent)} of code (${files.length} files).\n`)
}
