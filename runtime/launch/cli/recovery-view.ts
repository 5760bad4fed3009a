import type { RecoveryPlan } from '../config/deployment.js'

/* What `check` prints of a recovery plan. Pure, and without a password. */

const MASK = '***'

/** A URL without its password. */
export function maskedUrl(text: string): string {
  const url = new URL(text)
  if (url.password !== '') url.password = MASK
  return url.href
}

/** For `check --json`: only the keys of its mode. */
export function recoveryJson(plan: RecoveryPlan): Record<string, unknown> {
  const { mode, directory, leaseMs, redis, sentinel, election, replicas, module } = plan
  if (mode === 'FILESYSTEM') return { mode, leaseMs, directory }
  if (mode === 'CUSTOM') return { mode, leaseMs, module }
  if (mode === 'NONE') return { mode, leaseMs }
  return {
    mode,
    leaseMs,
    redis: redis === null ? null : maskedUrl(redis),
    sentinel: sentinel && {
      ...sentinel,
      ...(sentinel.password !== undefined && { password: MASK }),
      ...(sentinel.sentinelPassword !== undefined && { sentinelPassword: MASK }),
    },
    election: election.map(maskedUrl),
    replicas,
  }
}

const seconds = (ms: number): string => `${ms / 1000}s`

/** One line for people. */
export function recoveryText(plan: RecoveryPlan): string {
  const { mode, directory, leaseMs, redis, sentinel, election, replicas, module } = plan
  const lease = `lease ${seconds(leaseMs)}`
  if (mode === 'NONE') return `Recovery NONE: nothing is kept, ${lease}.`
  if (mode === 'FILESYSTEM') return `Recovery FILESYSTEM: data in ${directory}, ${lease}.`
  if (mode === 'CUSTOM') return `Recovery CUSTOM: module ${module}, ${lease}.`
  const data = sentinel
    ? `${sentinel.name} at the Sentinels ${sentinel.hosts.join(', ')}`
    : maskedUrl(redis ?? '')
  const lock =
    election.length === 0 ? 'the lock beside it' : `the lock on ${election.map(maskedUrl).join(', ')}`
  const copies = replicas === 0 ? '' : `, each commit on ${replicas} more`
  return `Recovery REDIS: data in ${data}${copies}; ${lock}; ${lease}.`
}
