import { requireHarmless } from '../../runtime/code/allowed-roots.js'
import { FiresteelError } from '../../runtime/errors.js'
import { refusedVariable } from '../../runtime/process/allowed-environment.js'
import type { WorkerConfig } from './worker-config.js'

interface Launched {
  readonly env: Readonly<Record<string, string>>
  readonly nodeOptions: readonly string[]
}

/** Throws ENV_NOT_ALLOWED or CODE_NOT_ALLOWED for what this Worker does not pass on to a process. */
export function requireAllowed({ env, nodeOptions }: Launched, config: WorkerConfig): void {
  const { codeRoots = null, allowEnv = null } = config
  const host = config.advertise ?? config.host
  const variable = refusedVariable(env, { names: allowEnv, hasCodeRoots: codeRoots !== null })
  if (variable !== undefined) {
    const text = `the environment variable ${variable} is refused on ${host}`
    throw new FiresteelError('ENV_NOT_ALLOWED', text, { place: variable })
  }
  if (codeRoots !== null) requireHarmless(nodeOptions, codeRoots, host)
}
