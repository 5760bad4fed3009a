import { isWildcard } from '../config/web-host.js'
import type { NodeSpec } from './node-spec.js'

type Specs = ReadonlyMap<string, NodeSpec>

interface Listener {
  readonly host: string
  readonly port: number
}

/** A port that a node gets, and who has it until then. */
export interface HandedPort {
  readonly node: string
  readonly port: number
}

/** Where a node listens. A port of 0 is any free one, which nobody waits for. */
function listenersOf(spec: NodeSpec): Listener[] {
  const { host, port, web, webHost = host } = spec
  const rest = spec.role === 'master' ? spec.rest : null
  return [
    { host, port },
    { host: webHost, port: web || 0 },
    { host, port: rest ?? 0 },
  ].filter((listener) => listener.port !== 0)
}

const collide = (one: Listener, other: Listener): boolean =>
  one.port === other.port && (one.host === other.host || isWildcard(one.host) || isWildcard(other.host))

/** The ports that this node gets and that others let go of: these have to do so first. */
export function handedPorts(node: string, running: Specs, wanted: Specs): HandedPort[] {
  const next = wanted.get(node)
  if (!next) return []
  const now = running.get(node)
  const had = now ? listenersOf(now) : []
  const gets = listenersOf(next).filter((listener) => !had.some((own) => collide(own, listener)))
  return [...running].flatMap(([other, spec]) => {
    const taken = other === node ? [] : listenersOf(spec)
    const found = gets.find((listener) => taken.some((one) => collide(one, listener)))
    return found ? [{ node: other, port: found.port }] : []
  })
}
