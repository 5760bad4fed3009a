import { join } from 'node:path'
import { checked, type WorkerMessage } from '../../actors/messages/catalogue.js'
import { startWorker, type Worker, type WorkerOptions } from '../../actors/worker/worker.js'
import type { WorkerConfig } from '../../actors/worker/worker-config.js'
import { systemClock } from '../../runtime/clock.js'
import { silentLog } from '../../runtime/observe/log.js'
import { createSystem } from '../../runtime/system/system.js'
import { Gateway } from '../../runtime/transport/gateway.js'
import { newIncarnation } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { listen } from '../../runtime/transport/listen.js'

export const secret = 'a secret of the tests only, long enough'
export const cluster = 'test'

/** A Worker's node as the launcher will compose it, here or in a process of its own. */
export async function startWorkerNode(
  settings: Partial<WorkerConfig> & Pick<WorkerConfig, 'workDir' | 'masters'>,
  more: Partial<WorkerOptions> = {},
): Promise<{ worker: Worker; port: number; close(): Promise<void> }> {
  const incarnation = newIncarnation('w1')
  const system = createSystem({
    name: `firesteel://${cluster}@127.0.0.1:1`,
    clock: systemClock,
    epoch: () => 0,
  })
  const gateway = new Gateway<WorkerMessage>({
    system,
    check: (message) => checked('worker', message),
    remotePath: ({ role }) => (role === 'node' ? '/user/Master' : '/user/Client'),
  })
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster, incarnation },
    keyFor: (role) => deriveKey(secret, role),
    onLink: (link) => gateway.attach(link),
  })
  const config: WorkerConfig = {
    name: 'w1',
    cluster,
    secret,
    host: '127.0.0.1',
    port: listener.port,
    web: null,
    cores: 4,
    memoryMib: 4096,
    resources: {},
    labels: {},
    workerTimeoutMs: 6000,
    orphanGraceMs: 0,
    applicationTimeoutMs: 60_000,
    incarnation,
    code: { cache: join(settings.workDir, 'code'), maxBytes: 2 ** 30, inPlace: true },
    ...settings,
  }
  const worker = await startWorker({ system, gateway, config, clock: systemClock, log: silentLog, ...more })
  return {
    worker,
    port: listener.port,
    async close() {
      await worker.stop()
      await listener.close()
      gateway.closeAll('over')
      await system.shutdown()
    },
  }
}
