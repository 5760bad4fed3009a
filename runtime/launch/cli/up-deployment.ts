import type { Deployment } from '../config/deployment.js'
import { type EmbeddedOptions, embeddedDeployment } from '../config/embedded.js'
import type { LauncherFile } from '../node/launcher-duties.js'
import type { Console } from './console.js'

interface Given {
  readonly file: string | undefined
  readonly folder: string
  readonly embedded: Omit<EmbeddedOptions, 'folder'>
}

export interface UpDeployment {
  readonly deployment: Deployment
  /** Undefined: the embedded cluster. */
  readonly file: LauncherFile | undefined
  /** Digest of the file as it was given. */
  readonly base: string
}

/**
 * The deployment that `up` begins with: that of its file, or of a later apply if the file has not changed
 * since. An embedded cluster starts without the reader of deployment files.
 */
export async function upDeployment(
  plan: Given,
  io: Pick<Console, 'cwd' | 'environment' | 'err'>,
): Promise<UpDeployment> {
  if (plan.file === undefined) {
    const deployment = embeddedDeployment({ ...plan.embedded, folder: plan.folder })
    return { deployment, file: undefined, base: '' }
  }
  const { readDeploymentText } = await import('../config/load-config.js')
  const { readConfig, readNodes } = await import('../config/read.js')
  const { ConfigRefused } = await import('../config/problem.js')
  const { forgetApplied, readApplied, textDigest } = await import('../config/applied-file.js')
  const read = await readDeploymentText(plan.file, io.cwd, io.environment)
  const base = textDigest(read.text)
  const applied = readApplied(plan.folder)
  const isNewer = applied !== undefined && applied.base === base && applied.text !== read.text
  if (applied && applied.base !== base) await forgetApplied(plan.folder)
  if (isNewer)
    await io.err(
      `${plan.file} has not changed since deployment ${applied.number} was applied: the nodes begin as that deployment says.\n`,
    )
  const file = isNewer ? { ...read, text: applied.text } : read
  // Its submissions were submitted by the apply, with the variables of whoever ran it.
  const { config, problems } = isNewer ? readNodes(file.text, file) : readConfig(file.text, file)
  if (!config) throw new ConfigRefused(problems)
  return { deployment: config, file, base }
}
