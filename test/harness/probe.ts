import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { get as getSecurely } from 'node:https'

/**
 * One GET on a connection of its own, because a kept one would outlive the node that it reached. `ca` is the
 * file of the CA of a node with TLS. Rejects without an answer.
 */
export function probe(
  url: string,
  timeoutMs = 1000,
  headers: Readonly<Record<string, string>> = {},
  ca?: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      agent: false,
      timeout: timeoutMs,
      headers,
      ...(ca && { ca: readFileSync(ca) }),
    } as const
    const request = (url.startsWith('https:') ? getSecurely : get)(url, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
      })
    })
    request.once('timeout', () => request.destroy(new Error(`${url} did not answer within ${timeoutMs} ms`)))
    request.once('error', reject)
  })
}
