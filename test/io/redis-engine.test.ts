import { after, before } from 'node:test'
import { systemClock } from '../../runtime/clock.js'
import { silentLog } from '../../runtime/observe/log.js'
import { openRedis } from '../../runtime/persistence/redis/redis-recovery.js'
import { persistenceSuite, suiteSchemas } from '../conformance/persistence-suite.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { SECRET } from '../tools/transport-support.js'

let server: RedisServer
before(async () => {
  server = await startRedis()
})
after(() => server.stop())

let clusters = 0

persistenceSuite('REDIS', {
  shared: true,
  durable: true,
  async create() {
    const cluster = `c${++clusters}`
    const opened: { close(): Promise<void> }[] = []
    return {
      async open() {
        const recovery = await openRedis({
          cluster,
          redis: server.url,
          election: [],
          replicas: 0,
          leaseMs: 60_000,
          schemas: suiteSchemas,
          // A release that knows a next format too.
          formats: { min: 1, max: 2 },
          secret: SECRET,
          clock: systemClock,
          log: silentLog,
        })
        opened.push(recovery)
        return recovery.engine
      },
      async dispose() {
        for (const one of opened) await one.close()
      },
    }
  },
})
