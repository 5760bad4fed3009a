import { resolve as resolvePath } from 'node:path'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import {
  type AuditPlan,
  type Deployment,
  defaultPorts,
  type MasterPlan,
  type NodeTlsPlan,
  type RecoveryPlan,
  type SecretSource,
  type SentinelPlan,
  type WorkerPlan,
} from './deployment.js'
import { driverLimits } from './driver-limits.js'
import type { DeploymentFile } from './schema.js'

const loopback = '127.0.0.1'
const driverMemoryMib = innerLimits.driverMemoryMib

export const masterName = (file: DeploymentFile, index: number): string =>
  file.masters?.[index]?.name ?? `m${index + 1}`
export const workerName = (file: DeploymentFile, index: number): string =>
  file.workers?.[index]?.name ?? `w${index + 1}`

function masters(file: DeploymentFile): MasterPlan[] {
  return (file.masters ?? []).map(({ host = loopback, port, web, webHost, rest, advertise }, index) => ({
    name: masterName(file, index),
    host,
    port: port ?? defaultPorts.master,
    web: web ?? defaultPorts.masterWeb,
    ...(webHost !== undefined && { webHost }),
    rest: rest ?? null,
    advertise: advertise ?? host,
  }))
}

const drainMs = (drainOnStop: boolean | number = false): number | null =>
  drainOnStop === true ? limits.drainOnStopMs : drainOnStop === false ? null : drainOnStop

function workers(file: DeploymentFile, folder: string): WorkerPlan[] {
  const rootsOf = (roots?: readonly string[]) => roots?.map((root) => resolvePath(folder, root)) ?? null
  const hosts = new Set<string>()
  return (file.workers ?? []).map((worker, index) => {
    const { host = loopback } = worker
    // Two Workers of one machine cannot both have the default port of the page.
    const web = worker.web ?? (hosts.has(host) ? 0 : defaultPorts.workerWeb)
    hosts.add(host)
    return {
      name: workerName(file, index),
      host,
      port: worker.port ?? defaultPorts.worker,
      web,
      ...(worker.webHost !== undefined && { webHost: worker.webHost }),
      advertise: worker.advertise ?? host,
      cores: worker.cores ?? null,
      memoryMib: worker.memory ?? null,
      resources: worker.resources ?? {},
      labels: worker.labels ?? {},
      drainOnStopMs: drainMs(worker.drainOnStop),
      noNewPrivileges: worker.noNewPrivileges ?? true,
      codeRoots: rootsOf(worker.codeRoots ?? file.code?.roots),
      allowEnv: worker.allowEnv ?? null,
      cgroup: worker.cgroup ?? null,
      runAs: worker.runAs ?? null,
    }
  })
}

const certificateFiles = ['ca', 'cert', 'key'] as const

/** The path of a credential of this process with this name, if there is one. */
export type FindCredential = (name: string) => string | undefined

/** The absolute path of a secret or a certificate that the file names. */
type PlaceOf = (path: string) => string

/** With TLS it may name files, relative to the folder of the deployment file. */
function redisUrl(text: string, placeOf: PlaceOf): string {
  const url = new URL(text)
  if (url.search === '') return text
  for (const option of certificateFiles) {
    const path = url.searchParams.get(option)
    if (path !== null) url.searchParams.set(option, placeOf(path))
  }
  return url.href
}

type SentinelKeys = NonNullable<NonNullable<DeploymentFile['recovery']>['sentinel']>

function sentinelPlan({ tls, ...sentinel }: SentinelKeys, placeOf: PlaceOf): SentinelPlan {
  if (!tls) return sentinel
  const files = certificateFiles.flatMap((option) => {
    const path = tls[option]
    return path === undefined ? [] : [[option, placeOf(path)]]
  })
  return { ...sentinel, tls: { ...tls, ...Object.fromEntries(files) } }
}

function recoveryPlan({ recovery = {} }: DeploymentFile, folder: string, placeOf: PlaceOf): RecoveryPlan {
  const { mode = 'NONE', directory = './state', lease, redis, sentinel, election, replicas } = recovery
  return {
    mode,
    directory: resolvePath(folder, directory),
    leaseMs: lease ?? limits.leaseMs,
    redis: redis === undefined ? null : redisUrl(redis, placeOf),
    sentinel: sentinel === undefined ? null : sentinelPlan(sentinel, placeOf),
    election: (election ?? []).map((url) => redisUrl(url, placeOf)),
    replicas: replicas ?? 0,
    module: recovery.module === undefined ? null : resolvePath(folder, recovery.module),
  }
}

function secret({ security }: DeploymentFile, placeOf: PlaceOf): SecretSource {
  if (security?.secret !== undefined) return { kind: 'value', value: security.secret }
  if (security?.file !== undefined) return { kind: 'file', path: placeOf(security.file) }
  return { kind: 'default' }
}

function auditPlan({ security }: DeploymentFile, folder: string): AuditPlan | null {
  if (!security?.audit) return null
  const { directory, maxBytes = limits.auditMib, files = limits.auditFiles } = security.audit
  return { directory: resolvePath(folder, directory), maxMib: maxBytes, files }
}

function nodeTls({ security }: DeploymentFile, placeOf: PlaceOf): NodeTlsPlan | null {
  if (!security?.tls) return null
  const { ca, cert, key, crl } = security.tls
  return {
    ca: placeOf(ca),
    cert: placeOf(cert),
    key: placeOf(key),
    ...(crl !== undefined && { crl: placeOf(crl) }),
  }
}

function submissions(file: DeploymentFile, folder: string): Deployment['submissions'] {
  return (file.submissions ?? []).map((submission) => ({
    name: submission.name,
    main: resolvePath(folder, submission.main),
    args: submission.args ?? [],
    cores: submission.cores ?? 1,
    memoryMib: submission.memory ?? driverMemoryMib,
    resources: submission.resources ?? {},
    ...(submission.on && { on: submission.on }),
    env: submission.env ?? {},
    supervise: submission.supervise ?? false,
    ...(submission.maxRestarts !== undefined && { maxRestarts: submission.maxRestarts }),
    ...(submission.restartWindow !== undefined && { restartWindowMs: submission.restartWindow }),
    ...driverLimits(submission),
    onIsolation: submission.onIsolation ?? 'run',
  }))
}

/**
 * Adds the defaults to a valid file. `folder` is absolute; relative paths of the file begin there. A secret
 * or a certificate that is a credential of this process is taken from there, because its supervisor gave it
 * on purpose.
 */
export function resolveDeployment(
  file: DeploymentFile,
  folder: string,
  credential: FindCredential = () => undefined,
): Deployment {
  const placeOf: PlaceOf = (path) => credential(path) ?? resolvePath(folder, path)
  const { scheduling = {}, logging = {}, tracing = {}, monitoring = {}, code = {} } = file
  return {
    cluster: file.cluster ?? 'firesteel',
    recovery: recoveryPlan(file, folder, placeOf),
    masters: masters(file),
    workers: workers(file, folder),
    join: file.master ?? [],
    secret: secret(file, placeOf),
    tls: nodeTls(file, placeOf),
    audit: auditPlan(file, folder),
    scheduling: {
      spreadOut: scheduling.spreadOut ?? true,
      defaultCores: scheduling.defaultCores ?? null,
      workerTimeoutMs: scheduling.workerTimeout ?? limits.workerTimeoutMs,
      orphanGraceMs: scheduling.orphanGrace ?? 0,
      relaunchOnRefused: scheduling.relaunchOnRefused ?? true,
      maxExecutorRetries: scheduling.maxExecutorRetries ?? limits.maxExecutorRetries,
    },
    submissions: submissions(file, folder),
    logging: { level: logging.level ?? 'info', format: logging.format ?? 'json' },
    traceRing: tracing.ring ?? limits.traceRing,
    monitoring: {
      metrics: monitoring.metrics ?? 'everyone',
      probes: monitoring.probes ?? 'everyone',
      ...(monitoring.pages !== undefined && { pages: monitoring.pages }),
    },
    otlp: tracing.otlp ?? null,
    recording: tracing.record
      ? {
          directory: resolvePath(folder, tracing.record.directory),
          maxMib: tracing.record.maxBytes ?? limits.recordingMib,
        }
      : null,
    code: {
      cache: code.cache === undefined ? null : resolvePath(folder, code.cache),
      maxMib: code.maxBytes ?? limits.codeCacheMib,
      inPlace: code.inPlace ?? true,
    },
  }
}
