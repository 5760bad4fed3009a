import type { Script } from './script.js'
import { deploymentScripts } from './scripts-deployments.js'
import { electionScripts } from './scripts-elections.js'
import { liarScripts } from './scripts-liars.js'
import { lostWriteScripts } from './scripts-lost-writes.js'
import { restartScripts } from './scripts-restarts.js'
import { timeoutScripts } from './scripts-timeouts.js'
import { upgradeScripts } from './scripts-upgrades.js'
import { workerScripts } from './scripts-workers.js'

/**
 * Scripted histories, each run from many seeds: cases that chance takes too long to find, and defects that it
 * found.
 */
export const scripts: readonly Script[] = [
  ...electionScripts,
  ...lostWriteScripts,
  ...workerScripts,
  ...liarScripts,
  ...deploymentScripts,
  ...restartScripts,
  ...timeoutScripts,
  ...upgradeScripts,
]

/** Throws for a name that is none. */
export function scriptNamed(name: string): Script {
  const script = scripts.find((one) => one.name === name)
  if (script) return script
  throw new Error(
    `--script: there is no ${JSON.stringify(name)}; there are ${scripts.map((one) => one.name).join(', ')}`,
  )
}
