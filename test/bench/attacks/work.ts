import { applicationDescription, driverDescription } from '../../../actors/messages/samples.js'
import { limits } from '../../../runtime/limits.js'
import { encodeFrame, frameKind } from '../../../runtime/transport/frame.js'
import { envelope, proven } from './peers.js'
import { type Attack, keepOpen } from './strangers.js'
import { peerOf } from './target.js'

/* Attacks of clients that bring a Master more work than any program has. */

const TOGETHER = 50
const DRIVERS = 40_000

/** What no Worker has room for, so that all of it waits. */
const MIB = 1_000_000

const driverOf = (number: number) => ({
  type: 'RequestSubmitDriver',
  key: `attack-${process.pid}-${number}`,
  description: { ...driverDescription, memoryMib: MIB + number, on: { [`label-${number}`]: 'x' } },
})

const applicationOf = (number: number) => ({
  type: 'RegisterApplication',
  registration: `attack-${process.pid}-${number}`,
  description: {
    ...applicationDescription,
    executor: { ...applicationDescription.executor, memoryMib: MIB + number },
  },
  listen: { port: 1 },
})

/** It says the messages of one round after the other, as fast as they are taken. */
function rounds(links: number, roundOf: (round: number) => readonly { readonly type: string }[]): Attack {
  let round = 0
  return (target, count) => {
    const peer = peerOf(target, 'client')
    keepOpen(
      links,
      () =>
        proven(target, peer, (socket) => {
          const more = (): void => {
            do {
              const lines = roundOf(round++).map((message, id) =>
                envelope(
                  target,
                  message,
                  id,
                  message.type.startsWith('Request') ? `${round}/${id}` : undefined,
                ),
              )
              socket.write(encodeFrame(frameKind.envelopes, Buffer.from(`[${lines.join(',\n')}]`)))
            } while (socket.writable && !socket.writableNeedDrain)
          }
          socket.on('drain', more)
          more()
        }),
      count,
    )
  }
}

const many = <T>(of: (number: number) => T, round: number): T[] =>
  Array.from({ length: TOGETHER }, (_, at) => of(round * TOGETHER + at))

const asksForExecutors = (request: number) => ({
  type: 'RequestExecutors',
  appId: 'app-of-nobody',
  request,
  total: request,
})

export const work: Readonly<Record<string, Attack>> = {
  'drivers of distinct demands, and applications that ask': rounds(2, (round) =>
    round * TOGETHER < DRIVERS
      ? many(driverOf, round)
      : [...many(applicationOf, round), asksForExecutors(round)],
  ),
  'links of applications that never end': rounds(
    Math.ceil(limits.applications / limits.applicationsPerLink) + 1,
    (round) => [...many(applicationOf, round), asksForExecutors(round), { type: 'RequestMasterState' }],
  ),
}
