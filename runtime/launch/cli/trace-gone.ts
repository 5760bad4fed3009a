import { counted } from '../../pages/words.js'
import { actorName, isActorName, shortPath } from '../../trace/actor-path.js'
import type { MissingTrace } from './trace-collector.js'

type Absent = readonly { readonly incarnation: string; readonly path: string }[]

/** Nodes that others received messages from and that gave no trace themselves. */
export const goneNodes = (absent: Absent): MissingTrace[] =>
  absent
    .filter(({ path }) => isNode(path))
    .map(({ incarnation, path }) => ({
      process: `${shortPath(path)} (${incarnation})`,
      reason: 'others heard from it, but it cannot be asked: its trace is gone with its process',
    }))

/** These nodes, and the executors and clients that have ended. */
export const gone = (absent: Absent): MissingTrace[] => [
  ...goneNodes(absent),
  ...goneExecutors(absent),
  ...goneClients(absent),
]

/** An application may have had thousands, and its driver remembers their links. */
function goneExecutors(absent: Absent): MissingTrace[] {
  const executors = absent.filter(({ path }) => isExecutor(path)).length
  if (executors === 0) return []
  const reason = 'not asked, or ended; their drivers remember when they were linked and how much they did'
  return [{ process: counted(executors, 'executor'), reason }]
}

const isExecutor = (path: string): boolean => /^app-[^/]*\/\d+$/.test(actorName(path))

/** Every command is a client for a moment, so clients are only counted. */
function goneClients(absent: Absent): MissingTrace[] {
  const clients = absent.filter(({ path }) => !isNode(path) && !isExecutor(path)).length
  if (clients === 0) return []
  const reason = 'commands and programs that have ended; others remember what they were told by them'
  return [{ process: counted(clients, 'client'), reason }]
}

/** A node never asks anything outside of its actors. */
function isNode(path: string): boolean {
  const name = actorName(path)
  return name !== 'ClientEndpoint' && isActorName(name) && !isExecutor(path)
}
