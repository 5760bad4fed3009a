import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { credentialPath } from '../../credentials.js'
import { FiresteelError, reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import type { Deployment } from './deployment.js'
import { ConfigRefused } from './problem.js'
import { type ReadOptions, type ReadResult, readConfig } from './read.js'
import type { Environment } from './substitute.js'

/** Real files are far smaller. This keeps a command from reading a disk by accident. */
const FILE_BYTES_MAX = innerLimits.configBytes

/**
 * The text of a deployment file, and what else it takes to read it. Its relative paths begin at `folder`,
 * which is that of the file if none is given. Throws CONFIG_UNREADABLE.
 */
export async function readDeploymentText(
  file: string,
  cwd: string,
  environment: Environment,
  folder?: string,
): Promise<ReadOptions & { readonly text: string }> {
  const path = resolve(cwd, file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new FiresteelError('CONFIG_UNREADABLE', `${file} cannot be read: ${reasonOf(cause)}.`, {
      place: path,
      cause,
    })
  }
  if (text.length > FILE_BYTES_MAX) {
    throw new FiresteelError('CONFIG_UNREADABLE', `${file} is too large for a deployment file.`, {
      place: path,
    })
  }
  const credential = (name: string): string | undefined => credentialPath(name, environment)
  return { text, file, folder: folder ?? dirname(path), environment, credential }
}

/**
 * Reads and checks a deployment file. Its relative paths begin at `folder`, which is that of the file if none
 * is given. Throws CONFIG_UNREADABLE if it cannot be read at all.
 */
export async function loadConfig(
  file: string,
  cwd: string,
  environment: Environment,
  folder?: string,
): Promise<ReadResult> {
  const { text, ...options } = await readDeploymentText(file, cwd, environment, folder)
  return readConfig(text, options)
}

/**
 * The deployment of a file, whose certificates are there and fit. Throws ConfigRefused with every problem of
 * the file.
 */
export async function requireConfig(
  file: string,
  cwd: string,
  environment: Environment,
): Promise<Deployment> {
  const read = await loadConfig(file, cwd, environment)
  const { config, problems } = read
  if (!config) throw new ConfigRefused(problems)
  if (config.tls) {
    const { ownAdvertised, requireTlsFiles } = await import('./tls-check.js')
    await requireTlsFiles(file, read, await ownAdvertised(config))
  }
  return config
}
