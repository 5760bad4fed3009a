// biome-ignore lint/style/noRestrictedImports: a socket of the file system, no network
import { createConnection } from 'node:net'
import { innerLimits } from '../inner-limits.js'
import { claimSocket } from './claim-socket.js'
import type { ClaimedGuard } from './guard.js'
import { claimVerb, type FromGuard, guardVersion } from './guard-lines.js'
import { lineLink } from './line-link.js'

/**
 * Claims the guard of the process that was this Worker before. From then on this process is its lifeline.
 * Resolves to the reason if there is none to take over.
 */
export function claimGuard(folder: string, token: string): Promise<ClaimedGuard | string> {
  return new Promise((resolve) => {
    const socket = claimSocket(folder)
    const stream = createConnection({ path: socket.path })
    stream.once('close', () => socket.close())
    let reason = 'the guard has ended'
    stream.once('error', (error) => {
      reason = error.message
    })
    const timer = setTimeout(() => {
      reason = 'the guard does not answer'
      stream.destroy()
    }, innerLimits.claimSilenceMs)
    let listener: ((line: string) => void) | undefined
    const early: string[] = []
    const link = lineLink(stream, (line) => {
      if (listener) listener(line)
      else if (!claimed) claimed = answered(line)
      else early.push(line)
    })
    let claimed = false
    const answered = (line: string): boolean => {
      clearTimeout(timer)
      const answer = JSON.parse(line) as FromGuard
      if (answer.type !== 'yours' || answer.version !== guardVersion) {
        reason = answer.type === 'refused' ? answer.reason : 'the guard speaks another version'
        stream.destroy()
        return false
      }
      const onLine = (next: (line: string) => void): void => {
        listener = next
        for (const waiting of early.splice(0)) next(waiting)
      }
      resolve({ link, yours: answer, onLine })
      return true
    }
    void link.ended.then(() => {
      clearTimeout(timer)
      resolve(reason)
    })
    link.write(claimVerb + token)
  })
}
