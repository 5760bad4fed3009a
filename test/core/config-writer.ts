import type {
  Deployment,
  MasterPlan,
  RecoveryPlan,
  SentinelPlan,
  SubmissionPlan,
  WorkerPlan,
} from '../../runtime/launch/config/deployment.js'

/* A deployment written out as a file, everything said: what is read of it must be the same deployment. */

const unlessNull = <T>(key: string, value: T | null): Record<string, T> =>
  value === null ? {} : { [key]: value }

const master = ({ rest, ...plan }: MasterPlan) => ({ ...plan, ...unlessNull('rest', rest) })

const worker = ({
  cores,
  memoryMib,
  drainOnStopMs,
  codeRoots,
  allowEnv,
  runAs,
  cgroup,
  ...plan
}: WorkerPlan) => ({
  ...plan,
  ...unlessNull('codeRoots', codeRoots),
  ...unlessNull('allowEnv', allowEnv),
  ...unlessNull('runAs', runAs),
  ...unlessNull('cgroup', cgroup),
  drainOnStop: drainOnStopMs === null ? false : `${drainOnStopMs}ms`,
  ...unlessNull('cores', cores),
  ...(memoryMib !== null && { memory: `${memoryMib}m` }),
})

const submission = ({ memoryMib, ...plan }: SubmissionPlan) => ({ ...plan, memory: `${memoryMib}m` })

const sentinel = ({ hosts, ...plan }: SentinelPlan) => ({ ...plan, hosts: [...hosts] })

function recovery(plan: RecoveryPlan) {
  const { mode, directory, leaseMs, redis, election, replicas, module } = plan
  return {
    mode,
    lease: `${leaseMs}ms`,
    ...((mode === 'FILESYSTEM' || mode === 'CUSTOM') && { directory }),
    ...(mode === 'REDIS' && { replicas }),
    ...(election.length > 0 && { election: [...election] }),
    ...unlessNull('redis', redis),
    ...(plan.sentinel && { sentinel: sentinel(plan.sentinel) }),
    ...unlessNull('module', module),
  }
}

/** Where the secret stands in the environment of what was written. */
export const SECRET_VARIABLE = 'WRITTEN_SECRET'

export function writtenOut(deployment: Deployment): Record<string, unknown> {
  const {
    cluster,
    masters,
    workers,
    join,
    secret,
    scheduling,
    submissions,
    logging,
    traceRing,
    otlp,
    recording,
    monitoring,
  } = deployment
  const { spreadOut, defaultCores, workerTimeoutMs, orphanGraceMs, relaunchOnRefused, maxExecutorRetries } =
    scheduling
  return {
    cluster,
    recovery: recovery(deployment.recovery),
    ...(masters.length > 0 && { masters: masters.map(master) }),
    ...(workers.length > 0 && { workers: workers.map(worker) }),
    ...(join.length > 0 && { master: `firesteel://${join.map((one) => one.slice(12)).join(',')}` }),
    ...(secret.kind === 'value' && { security: { secret: `\${${SECRET_VARIABLE}}` } }),
    ...(secret.kind === 'file' && { security: { file: secret.path } }),
    scheduling: {
      spreadOut,
      ...unlessNull('defaultCores', defaultCores),
      workerTimeout: `${workerTimeoutMs}ms`,
      orphanGrace: `${orphanGraceMs}ms`,
      relaunchOnRefused,
      maxExecutorRetries,
    },
    ...(submissions.length > 0 && { submissions: submissions.map(submission) }),
    logging,
    tracing: {
      ring: traceRing,
      ...unlessNull('otlp', otlp),
      ...(recording && {
        record: { directory: recording.directory, maxBytes: `${recording.maxMib}m` },
      }),
    },
    monitoring,
  }
}
