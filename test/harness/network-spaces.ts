import { type Child, startChild } from '../../runtime/process/child.js'
import { ip } from './ip-command.js'

/*
 * The names of network namespaces and cables contain the process that owns them. Those of a running process
 * are never removed.
 */

const SPACE = /^firesteel-(\d+)-\d+-\S+$/
const CABLE = /^fs(\d+)-\d+-\d+$/

/** Parts of one network that must be removed. */
export interface NetworkParts {
  readonly spaces: readonly string[]
  readonly cables: readonly string[]
}

/** `network`: a number among those of this process. */
export const spaceName = (network: number, host: string): string =>
  `firesteel-${process.pid}-${network}-${host}`
/** Linux allows 15 characters. */
export const cableName = (network: number, number: number): string => `fs${process.pid}-${network}-${number}`

/** All parts of this machine with such a name. */
async function known(): Promise<NetworkParts> {
  const first = (line: string, pattern: RegExp): string[] => {
    const name = line.split(/[\s@:]+/).find(Boolean)
    return name !== undefined && pattern.test(name) ? [name] : []
  }
  const [spaces, links] = await Promise.all([ip(['netns', 'list']), ip(['-o', 'link', 'show'])])
  return {
    spaces: spaces.split('\n').flatMap((line) => first(line, SPACE)),
    cables: links.split('\n').flatMap((line) => first(line.replace(/^\d+: /, ''), CABLE)),
  }
}

/** Of these, those that still exist. */
export async function remaining({ spaces, cables }: NetworkParts): Promise<string[]> {
  const now = await known()
  return [...now.spaces, ...now.cables].filter((name) => spaces.includes(name) || cables.includes(name))
}

/** Removes the parts of dead processes, whose remover was killed too. */
export async function removeLeftovers(): Promise<void> {
  const { spaces, cables } = await known()
  const isDead = (pattern: RegExp) => (name: string) => !isThere(Number(pattern.exec(name)?.[1]))
  // Several processes may do it at once. The later one finds nothing.
  for (const cable of cables.filter(isDead(CABLE))) await ip(['link', 'del', cable]).catch(() => '')
  for (const space of spaces.filter(isDead(SPACE))) await ip(['netns', 'del', space]).catch(() => '')
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Removes them when this process ends, however it ends, or when its standard input is closed. A signal
 * handler would not see a SIGKILL.
 */
export function removerOf({ spaces, cables }: NetworkParts): Promise<Child> {
  return startChild({
    command: 'sh',
    args: ['-c', REMOVE, 'sh', cables.join(' '), spaces.join(' ')],
    cwd: '/',
    env: { PATH: process.env.PATH ?? '' },
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
    ownGroup: true,
    followDescendants: false,
  })
}

const REMOVE = `read -r _
for cable in $1; do ip link del "$cable"; done
for space in $2; do ip netns del "$space"; done`
