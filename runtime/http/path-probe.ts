import { get } from 'node:http'
import { limits } from '../limits.js'

const HOST = '127.0.0.1'

/** Why a path on a port of this machine does not answer with 200 to 399; undefined: it does. */
export function pathProblem(port: number, path: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const what = `GET ${path} on port ${port}`
    const request = { host: HOST, port, path, signal, agent: false, timeout: limits.probeTimeoutMs } as const
    const asked = get(request, (answer) => {
      const { statusCode = 0 } = answer
      // Its status is all that counts, however much it has to say.
      answer.destroy()
      resolve(statusCode >= 200 && statusCode < 400 ? undefined : `${what} answered ${statusCode}`)
    })
    asked.once('timeout', () => asked.destroy())
    asked.once('error', () => resolve(`${what} got no answer`))
  })
}
