import { submissionProblem } from '../../../actors/client/check-submission.js'
import { oversizeOf } from '../../../actors/messages/record-size.js'
import { formatHostPort, isLoopback } from '../../addresses.js'
import type { ErrorName } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { defaultPorts } from './deployment.js'
import { formatPath, type KeyPath } from './problem.js'
import { affects } from './prune.js'
import { masterName, workerName } from './resolve.js'
import type { DeploymentFile } from './schema.js'
import { isWildcard } from './web-host.js'

/** A broken rule between keys that are each valid by themselves. */
export interface Finding {
  readonly code: ErrorName
  readonly path: KeyPath
  /** A sentence without full stop. */
  readonly message: string
}

const LEASE_MS_MIN = innerLimits.leaseMsMin
const LEASES_PER_WORKER_TIMEOUT = innerLimits.leasesPerWorkerTimeout
const SECRET_BYTES_MIN = innerLimits.secretBytesMin

const conflict = (path: KeyPath, message: string): Finding => ({ code: 'CONFIG_CONFLICT', path, message })
const invalid = (path: KeyPath, message: string): Finding => ({ code: 'CONFIG_INVALID', path, message })

function* nodeChecks(file: DeploymentFile): Generator<Finding> {
  const masters = file.masters ?? []
  if (masters.length === 0 && !file.workers) yield invalid([], 'the file has neither masters nor workers')
  if (masters.length > 0 && file.master) {
    yield conflict(['master'], 'master is for files that only have workers; this one has masters')
  }
  if (masters.length === 0 && file.workers && !file.master) {
    yield invalid(['workers'], 'workers without masters need master: firesteel://host:port to join')
  }
  if (masters.length === 0 && file.submissions?.length) {
    yield conflict(['submissions'], 'submissions need masters in the same file')
  }
}

function* modeChecks(file: DeploymentFile): Generator<Finding> {
  const { recovery = {}, masters = [] } = file
  const mode = recovery.mode ?? 'NONE'
  if (masters.length > 1 && (mode === 'NONE' || mode === 'FILESYSTEM')) {
    yield conflict(
      ['masters'],
      `recovery.mode ${mode} allows one Master, not ${masters.length}; several need REDIS or CUSTOM`,
    )
  }
  if (mode === 'REDIS' && !recovery.redis && !recovery.sentinel) {
    yield invalid(['recovery'], 'recovery.mode REDIS needs recovery.redis or recovery.sentinel')
  }
  if (recovery.redis && recovery.sentinel) {
    yield conflict(
      ['recovery', 'sentinel'],
      'recovery has both redis and sentinel; the data is in one of them',
    )
  }
  if (mode === 'CUSTOM' && !recovery.module)
    yield invalid(['recovery'], 'recovery.mode CUSTOM needs recovery.module')
  for (const key of ['redis', 'sentinel', 'election', 'replicas'] as const) {
    if (recovery[key] !== undefined && mode !== 'REDIS') {
      yield conflict(['recovery', key], `recovery.${key} is for recovery.mode REDIS, not ${mode}`)
    }
  }
  if (recovery.directory !== undefined && mode !== 'FILESYSTEM' && mode !== 'CUSTOM') {
    yield conflict(
      ['recovery', 'directory'],
      `recovery.directory is for recovery.mode FILESYSTEM or CUSTOM, not ${mode}`,
    )
  }
  if (recovery.module !== undefined && mode !== 'CUSTOM') {
    yield conflict(['recovery', 'module'], `recovery.module is for recovery.mode CUSTOM, not ${mode}`)
  }
}

function* electionChecks({ recovery }: DeploymentFile): Generator<Finding> {
  const { election } = recovery ?? {}
  if (election && election.length % 2 === 0) {
    const wanted = `an odd number of lock servers has a majority, ${election.length} is even`
    yield conflict(['recovery', 'election'], `recovery.election: ${wanted}`)
  }
  const seen = new Map<string, number>()
  for (const [index, url] of (election ?? []).entries()) {
    const server = redisServer(url)
    const other = seen.get(server)
    seen.set(server, other ?? index)
    if (other === undefined) continue
    const keys = `recovery.election[${index}] and recovery.election[${other}]`
    yield conflict(['recovery', 'election', index], `${keys} are the same server, ${server}`)
  }
}

function* timeChecks({ recovery, scheduling }: DeploymentFile): Generator<Finding> {
  const leaseMs = recovery?.lease ?? limits.leaseMs
  if (leaseMs < LEASE_MS_MIN) yield invalid(['recovery', 'lease'], 'recovery.lease must be at least 1s')
  const workerTimeoutMs = scheduling?.workerTimeout ?? limits.workerTimeoutMs
  if (workerTimeoutMs >= LEASES_PER_WORKER_TIMEOUT * leaseMs) return
  const path =
    scheduling?.workerTimeout === undefined ? ['recovery', 'lease'] : ['scheduling', 'workerTimeout']
  const figures = `${workerTimeoutMs} ms is less than 4 leases of ${leaseMs} ms`
  yield conflict(path, `scheduling.workerTimeout must be at least 4 leases: ${figures}`)
}

function* nameChecks(file: DeploymentFile): Generator<Finding> {
  const seen = new Map<string, string>()
  const nodes = [
    ...(file.masters ?? []).map((_, index) => ({ list: 'masters', index, name: masterName(file, index) })),
    ...(file.workers ?? []).map((_, index) => ({ list: 'workers', index, name: workerName(file, index) })),
  ]
  for (const { list, index, name } of nodes) {
    const key = `${list}[${index}]`
    const other = seen.get(name)
    if (other) yield conflict([list, index, 'name'], `${key} and ${other} are both named ${name}`)
    else seen.set(name, key)
  }
  const submitted = new Set<string>()
  for (const [index, { name }] of (file.submissions ?? []).entries()) {
    if (submitted.has(name))
      yield conflict(['submissions', index, 'name'], `two submissions are named ${name}`)
    submitted.add(name)
  }
}

const plainHost = (host = '127.0.0.1'): string => (host === 'localhost' ? '127.0.0.1' : host)

/** The server of a URL. All its databases are lost together. */
function redisServer(url: string): string {
  const { hostname, port } = new URL(url)
  return `${plainHost(hostname.toLowerCase())}:${port || '6379'}`
}

/** Masters dial each other at `advertise`, or otherwise at `host`. */
function* reachChecks({ masters = [] }: DeploymentFile): Generator<Finding> {
  if (masters.length < 2) return
  const wholes = masters.map(({ host = '127.0.0.1', advertise = host }) => advertise)
  const spread = wholes.some((host) => !isLoopback(host) && !isWildcard(host))
  for (const [index, host] of wholes.entries()) {
    const key = masters[index]?.advertise === undefined ? 'host' : 'advertise'
    const what = `masters[${index}].${key} is ${host}`
    if (isWildcard(host)) {
      yield conflict(['masters', index, key], `${what}: the other Masters need masters[${index}].advertise`)
    } else if (spread && isLoopback(host)) {
      yield conflict(['masters', index, key], `${what}: Masters on other machines cannot reach it`)
    }
  }
}

function* portChecks(file: DeploymentFile): Generator<Finding> {
  const taken = new Map<string, string>()
  const claims: { host: string; port: number | false | undefined; path: KeyPath; key: string }[] = []
  for (const [index, { host, port, web, webHost, rest }] of (file.masters ?? []).entries()) {
    const ports = { port: port ?? defaultPorts.master, web: web ?? defaultPorts.masterWeb, rest }
    for (const [key, value] of Object.entries(ports)) {
      claims.push({
        host: plainHost(key === 'web' ? (webHost ?? host) : host),
        port: value,
        path: ['masters', index, key],
        key: `masters[${index}].${key}`,
      })
    }
  }
  const hosts = new Set<string>()
  for (const [index, { host = '127.0.0.1', port, web: given, webHost }] of (file.workers ?? []).entries()) {
    // As resolve.ts fills it in.
    const web = given ?? (hosts.has(host) ? 0 : defaultPorts.workerWeb)
    hosts.add(host)
    for (const [key, value] of Object.entries({ port, web })) {
      claims.push({
        host: plainHost(key === 'web' ? (webHost ?? host) : host),
        port: value,
        path: ['workers', index, key],
        key: `workers[${index}].${key}`,
      })
    }
  }
  for (const { host, port, path, key } of claims) {
    if (!port) continue
    const address = formatHostPort({ host, port })
    const other = taken.get(address)
    if (other) yield conflict(path, `${key} and ${other} are both port ${port} of ${host}`)
    else taken.set(address, key)
  }
}

function* webChecks({ masters = [], workers = [] }: DeploymentFile): Generator<Finding> {
  for (const [list, nodes] of Object.entries({ masters, workers })) {
    for (const [index, { web, webHost }] of nodes.entries()) {
      if (web !== false || webHost === undefined) continue
      const key = `${list}[${index}]`
      yield conflict(
        [list, index, 'webHost'],
        `${key}.webHost says where HTTP listens, and ${key}.web is false`,
      )
    }
  }
}

function* securityChecks({ security }: DeploymentFile): Generator<Finding> {
  const { secret, file } = security ?? {}
  if (secret !== undefined && file !== undefined) {
    yield conflict(['security', 'file'], 'security has both secret and file; the secret is in one of them')
  }
  if (secret !== undefined && Buffer.byteLength(secret) < SECRET_BYTES_MIN) {
    const message = `security.secret has ${Buffer.byteLength(secret)} bytes; at least ${SECRET_BYTES_MIN} are needed`
    yield { code: 'SECRET_TOO_SHORT', path: ['security', 'secret'], message }
  }
}

/** What a Master would refuse, checked with the Master's own rules. */
function* recordChecks({ submissions = [], workers = [] }: DeploymentFile): Generator<Finding> {
  for (const [index, submission] of submissions.entries()) {
    const { name, main, args = [], env = {}, resources = {}, cores = 1, memory = 1024 } = submission
    const { supervise = false, onIsolation = 'run' } = submission
    const sizes = { cores, memoryMib: memory, resources }
    const { on } = submission
    const rest = { supervise, onIsolation, env, nodeOptions: [], cwd: '', ...(on && { on }) }
    const problem = submissionProblem('key', { name, main, args, ...sizes, ...rest })
    if (!problem) continue
    const [field = '', ...inner] = problem.path
    const path: KeyPath = ['submissions', index, field === 'memoryMib' ? 'memory' : field, ...inner]
    yield invalid(path, `${formatPath(path)} ${problem.rule}`)
  }
  for (const [index, { resources = {}, labels = {} }] of workers.entries()) {
    const addresses = Object.values(resources).reduce((sum, list) => sum + list.length, 0)
    if (addresses > limits.resourceAddressesInAll) {
      const most = `at most ${limits.resourceAddressesInAll} addresses in all, not ${addresses}`
      yield invalid(['workers', index, 'resources'], `workers[${index}].resources must have ${most}`)
    }
    const oversize = oversizeOf({ resources, labels })
    if (!oversize) continue
    const path: KeyPath = ['workers', index, oversize.field]
    yield invalid(path, `${formatPath(path)} ${oversize.rule}`)
  }
}

/** Each group of rules with the keys that it reads. `*` is any index. */
const groups: readonly {
  readonly needs: readonly string[]
  check(file: DeploymentFile): Iterable<Finding>
}[] = [
  { needs: ['masters', 'workers', 'master', 'submissions'], check: nodeChecks },
  {
    needs: ['recovery.mode', 'recovery.redis', 'recovery.sentinel', 'recovery.module', 'masters'],
    check: modeChecks,
  },
  { needs: ['recovery.election'], check: electionChecks },
  { needs: ['recovery.lease', 'scheduling.workerTimeout'], check: timeChecks },
  { needs: ['masters.*.name', 'workers.*.name', 'submissions.*.name'], check: nameChecks },
  {
    needs: ['masters.*.host', 'workers.*.host', 'masters.*.port', 'masters.*.web', 'workers.*.web'],
    check: portChecks,
  },
  { needs: ['masters.*.web', 'workers.*.web'], check: webChecks },
  { needs: ['masters.*.host', 'masters.*.advertise'], check: reachChecks },
  { needs: ['security'], check: securityChecks },
  { needs: ['submissions', 'workers.*.resources', 'workers.*.labels'], check: recordChecks },
]

/**
 * All rules between keys (protocol 9, 19). Rules that read keys which were taken out of the file are skipped.
 */
export function crossChecks(file: DeploymentFile, pruned: readonly KeyPath[] = []): Finding[] {
  return groups
    .filter(({ needs }) => !needs.some((need) => affects(pruned, need)))
    .flatMap(({ check }) => [...check(file)])
}
