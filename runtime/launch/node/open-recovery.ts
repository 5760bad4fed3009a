import { pathToFileURL } from 'node:url'
import type { CustomRecovery } from '../../../actors/election/custom-recovery.js'
import { electionOverLock, singleMasterElection } from '../../../actors/election/election-agent.js'
import type { MasterRecovery } from '../../../actors/master/master-recovery.js'
import { recordViolations } from '../../../actors/master/records.js'
import { systemClock } from '../../clock.js'
import { FiresteelError, reasonOf } from '../../errors.js'
import type { Log } from '../../observe/log.js'
import { BlackHoleEngine } from '../../persistence/black-hole.js'
import type { PersistenceEngine } from '../../persistence/engine.js'
import type { MasterSpec } from './node-spec.js'

/** Throws coded errors of the store, and CONFIG_INVALID for a module that does not fit. */
export async function openRecovery(spec: MasterSpec, log: Log): Promise<MasterRecovery> {
  switch (spec.recovery.mode) {
    case 'NONE':
      return single(new BlackHoleEngine(() => systemClock.wallMs()))
    case 'FILESYSTEM':
      return single(await fileSystem(spec, log))
    case 'REDIS':
      return redis(spec, log)
    case 'CUSTOM':
      return custom(spec, log)
  }
}

function single(engine: PersistenceEngine): MasterRecovery {
  return { engine, agent: singleMasterElection, storeReachable: () => true, close: () => engine.close() }
}

/** Only a Master of this mode pays for the import. */
async function fileSystem({ recovery, cluster }: MasterSpec, log: Log): Promise<PersistenceEngine> {
  const { FileSystemEngine } = await import('../../persistence/file-system/file-system-engine.js')
  return new FileSystemEngine({
    directory: recovery.directory,
    cluster,
    schemas: recordViolations,
    nowMs: () => systemClock.wallMs(),
    onWarning: (place, reason) => log.warn('STORE_UNREADABLE: set aside', { place, reason }),
  })
}

async function redis({ recovery, cluster, secret }: MasterSpec, log: Log): Promise<MasterRecovery> {
  // Only a Master of this mode pays for the import.
  const [{ openRedis }, { RedlockLock }] = await Promise.all([
    import('../../persistence/redis/redis-recovery.js'),
    import('../../../actors/election/redlock-lock.js'),
  ])
  const { leaseMs, replicas, election, sentinel } = recovery
  const opened = await openRedis({
    cluster,
    redis: recovery.redis,
    sentinel,
    election,
    replicas,
    leaseMs,
    schemas: recordViolations,
    secret,
    clock: systemClock,
    log: log.child({ component: 'redis' }),
  })
  const { engine, presence, reconnections, lockServers: servers, lockKey: key } = opened
  const lock = new RedlockLock({ servers, key, leaseMs })
  // Not of one incarnation: a server that came back is also not trusted by the next one.
  let connectedAtMs = systemClock.monotonicMs()
  reconnections.onReconnected(() => {
    connectedAtMs = systemClock.monotonicMs()
  })
  return {
    engine,
    agent: (context) => electionOverLock(context, { lock, presence, reconnections, connectedAtMs }),
    storeReachable: () => opened.reachable(),
    async warmUp() {
      // No Master has this owner: the scripts compare, and change nothing.
      await lock.release('warm-up')
      await engine.read({ epoch: 0, owner: 'warm-up' }, 'warm-up', 'worker', undefined)
    },
    close: () => opened.close(),
  }
}

async function custom(spec: MasterSpec, log: Log): Promise<MasterRecovery> {
  const { cluster, recovery } = spec
  const { directory, leaseMs } = recovery
  const module = await loadModule(recovery.module)
  const context = { cluster, directory, leaseMs, schemas: recordViolations, log }
  const engine = await opened(recovery.module, () => module.createPersistenceEngine(context))
  return {
    engine,
    // Its own engine, not the measured one: a module may know more of it than the interface.
    agent: (context) => module.createLeaderElectionAgent({ ...context, engine }),
    storeReachable: () => true,
    close: () => engine.close(),
  }
}

const customExports = ['createPersistenceEngine', 'createLeaderElectionAgent'] as const

function invalidModule(path: string | null, why: string, cause?: unknown): FiresteelError {
  return new FiresteelError('CONFIG_INVALID', `recovery.module ${path} ${why}.`, { place: path ?? '', cause })
}

async function loadModule(path: string | null): Promise<CustomRecovery> {
  if (path === null) throw invalidModule(path, 'is not set')
  let module: Partial<CustomRecovery>
  try {
    module = (await import(pathToFileURL(path).href)) as Partial<CustomRecovery>
  } catch (error) {
    throw invalidModule(path, `cannot be loaded: ${reasonOf(error)}`, error)
  }
  for (const name of customExports) {
    if (typeof module[name] !== 'function') throw invalidModule(path, `does not export the function ${name}`)
  }
  return module as CustomRecovery
}

/** Coded errors come from the module on purpose. Others are defects of the module. */
async function opened(
  path: string | null,
  open: () => PersistenceEngine | Promise<PersistenceEngine>,
): Promise<PersistenceEngine> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof FiresteelError) throw error
    throw invalidModule(path, `failed in createPersistenceEngine: ${reasonOf(error)}`, error)
  }
}
