import { isDeepStrictEqual } from 'node:util'
import type { Deployment, WorkerPlan } from './deployment.js'
import type { Change } from './difference.js'

const RIGHTS = ['runAs', 'codeRoots', 'allowEnv'] as const

const sameRights = (one: WorkerPlan, other: WorkerPlan): boolean =>
  RIGHTS.every((key) => isDeepStrictEqual(one[key], other[key]))

type Workers = Pick<Deployment, 'workers'>

/**
 * Workers that would give work other rights than any Worker had. Who deploys over the network must not lift
 * what the file of a machine holds its work to: otherwise work could read the secret of its node.
 */
export function newRights({ workers: before }: Workers, { workers: after }: Workers): Change[] {
  if (before.length === 0) return []
  const changed = after.filter((worker) => {
    const former = before.filter(({ name }) => name === worker.name)
    return !(former.length > 0 ? former : before).some((other) => sameRights(other, worker))
  })
  return changed.map(({ name }) => ({
    change: 'changed',
    key: `workers.${name}.rights`,
    keys: [...RIGHTS],
    step: 'never',
    nodes: [name],
    why: 'the rights of work are decided on the machine: give `up` there the new file',
  }))
}
