import { connect } from 'node:net'
import { limits } from '../limits.js'

const HOST = '127.0.0.1'

/** Why a port of this machine takes no connection; undefined: it does. */
export function portProblem(port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST, signal, timeout: limits.probeTimeoutMs })
    const done = (problem?: string): void => {
      socket.destroy()
      resolve(problem)
    }
    socket.once('connect', () => done())
    socket.once('timeout', () => done(`port ${port} did not answer in time`))
    socket.once('error', () => done(`port ${port} refuses connections`))
  })
}
