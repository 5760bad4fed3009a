import type { Confinement } from './workers.js'

/** How a Worker keeps its work within bounds, for people. */
export function confinementText({ limits, ends, noNewPrivileges, user }: Confinement): string {
  const bounds =
    limits === 'cgroup'
      ? 'memory, processor time and processes by the kernel (cgroup v2)'
      : "memory by V8's limit of the heap and by looks of the Worker"
  return [
    bounds,
    ends === 'cgroup' ? 'ended with all that they start (cgroup v2)' : 'ended with all that the Worker saw',
    noNewPrivileges ? 'no new privileges' : 'may gain privileges',
    ...(user === undefined ? [] : [`as the user ${user}`]),
  ].join('; ')
}
