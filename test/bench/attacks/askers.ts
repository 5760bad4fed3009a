import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { FIRST_LAUNCHERS } from '../../../actors/messages/launchers.js'
import { limits } from '../../../runtime/limits.js'
import { LAUNCHER_SUBJECT } from '../../../runtime/transport/identity.js'
import { envelope, flood, framesOf, keyHolder, proven, type Sent } from './peers.js'
import { type Attack, keepOpen } from './strangers.js'
import { peerOf, type Target } from './target.js'

/* Questions whose answers cost much: outputs of a Worker, and launchers that a Master knows. */

/** Each stream is stopped at once. */
function tails(target: Target, output: string, tailLines: number): string[] {
  const messages = Array.from({ length: 200 }, (_, n): Sent[] => {
    const stream = `s${n}`
    const asked = { stream, id: target.output, output, tailLines, follow: false }
    return [{ type: 'RequestLog', ...asked } as Sent, { type: 'StopLog', stream } as Sent]
  })
  return messages.flat().map((message, id) => envelope(target, message, id))
}

/** Streams that are not stopped, so that all of the output is sent. */
const wholes = (target: Target, output: string): string[] =>
  Array.from({ length: 20 }, (_, n) => {
    const asked = { stream: `w${n}`, id: target.output, output, tailLines: 2, follow: false }
    return envelope(target, { type: 'RequestLog', ...asked } as Sent, n)
  })

/** Pages over HTTP, each of another place, so that none is answered from another. */
function pages(query: string): Attack {
  return ({ host, web, output }, count) => {
    keepOpen(
      20,
      () => {
        const socket = connect({ host, port: web as number })
        const ask = (): void => {
          const path = `/logs/${output}?${query}&z=${randomBytes(4).toString('hex')}`
          socket.write(
            `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n`,
          )
        }
        return socket.on('connect', ask).resume()
      },
      count,
    )
  }
}

/** Against a Worker that keeps an output. */
export const logReaders: Readonly<Record<string, Attack>> = {
  'logs: twenty links ask for last lines and stop'(target, count) {
    const frames = framesOf(tails(target, 'stdout', limits.logTailLines), 100)
    flood(20, keyHolder(target), target, frames, true, count)
  },
  'logs: twenty links ask for the last lines of one line'(target, count) {
    flood(20, keyHolder(target), target, framesOf(wholes(target, 'stderr'), 20), true, count)
  },
  'logs: HTTP pages of line breaks': pages('before=20000000'),
  'logs: HTTP searches of line breaks': pages('q=zz'),
}

const LONG = 'n'.repeat(240)
const longNodes = Array.from({ length: 240 }, (_, n) => ({
  name: `${n}${LONG}`,
  role: 'worker',
  host: LONG,
}))

/** Against a Master. */
export const launchers: Readonly<Record<string, Attack>> = {
  'launchers: two hundred of long names, and twenty who ask'(target, count) {
    const launcher = { ...peerOf(target, 'node'), subject: LAUNCHER_SUBJECT }
    const said = { id: 'rogue', host: LONG, release: '1', nodes: longNodes }
    const frames = framesOf([envelope(target, { type: 'RegisterLauncher', ...said } as Sent, 1)], 1)
    keepOpen(200, () => proven(target, launcher, (socket) => void socket.write(frames[0] as Buffer)), count)
    const questions = Array.from({ length: 20 }, (_, id) => {
      const asked = id % 2 === 0 ? {} : { after: FIRST_LAUNCHERS }
      return envelope(target, { type: 'RequestLaunchers', ...asked } as Sent, id, `q${id}`)
    })
    flood(20, keyHolder(target), target, framesOf(questions, 20), true, count)
  },
}
