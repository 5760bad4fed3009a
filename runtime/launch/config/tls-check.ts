import { tlsProblems } from '../../tls/tls-source.js'
import type { Deployment } from './deployment.js'
import { isOwnHost } from './machine.js'
import { type ConfigProblem, ConfigRefused, formatPath } from './problem.js'
import type { ReadResult } from './read.js'
import { dialedHosts } from './web-host.js'

/** Hosts by which others dial the nodes of this machine. Their certificate must have all of them. */
export async function ownAdvertised({ masters, workers }: Deployment): Promise<string[]> {
  const own = await Promise.all(
    [...masters, ...workers].map(async (node) => ((await isOwnHost(node.host)) ? dialedHosts(node) : [])),
  )
  return [...new Set(own.flat())]
}

/**
 * Checks the files of `security.tls`, as a node does at its start. Throws ConfigRefused with every problem at
 * the place of its key.
 */
export async function requireTlsFiles(
  file: string,
  read: ReadResult,
  hosts: readonly string[],
): Promise<void> {
  const tls = read.config?.tls
  if (!tls) return
  const found = await tlsProblems(tls, { isNode: true, hosts }, Date.now())
  const problems = found.map(({ field, rule }): ConfigProblem => {
    const path = ['security', 'tls', field]
    const place = read.placeOf?.(path) ?? { line: 1, column: 1 }
    const key = formatPath(path)
    const message = `${key} (${tls[field]}) ${rule}`
    return { code: 'CERTIFICATE_INVALID', file, place, key, message, nearest: undefined }
  })
  if (problems.length > 0) throw new ConfigRefused(problems)
}
