import type { Hono } from 'hono'
import { kill } from '../../../actors/client/kill.js'
import { MasterClient } from '../../../actors/client/master-client.js'
import { masterRoutes } from '../../../actors/master/json.js'
import type { MasterHost } from '../../../actors/master/master-host.js'
import type { WantedDrain } from '../../../actors/master/pages/drain.js'
import { masterPages } from '../../../actors/master/pages/routes.js'
import type { UsageHistory } from '../../../actors/master/usage-history.js'
import { systemClock } from '../../clock.js'
import type { NodeHealth } from '../../http/health.js'
import { limits } from '../../limits.js'
import type { Log } from '../../observe/log.js'
import type { Sessions } from '../../pages/sessions.js'
import type { TlsSource } from '../../tls/tls-source.js'
import { deriveKey } from '../../transport/keys.js'
import { masterSettings } from './node-settings.js'
import type { MasterSpec } from './node-spec.js'

export interface MasterWebParts {
  readonly spec: MasterSpec
  readonly webPort: number
  readonly tls: TlsSource | undefined
  /** Throws while the Master starts. */
  readonly host: () => MasterHost
  readonly sessions: Sessions
  readonly usage: UsageHistory
  readonly health: () => NodeHealth
  readonly log: Log
}

/** All that a Master answers over HTTP, but for its metrics. A first request loads this. */
export function masterWeb(parts: MasterWebParts): Hono {
  const { spec, webPort, host, sessions, usage, health, log } = parts
  const { wallMs } = systemClock
  const settings = masterSettings(spec, webPort)
  const data = masterRoutes({
    snapshot: () => host().snapshot(),
    head: () => host().head(),
    leaderships: () => host().leaderships(),
    health,
    wallMs,
  })
  return masterPages({
    take: () => {
      const now = host()
      const detailed = (id: string) => now.detailed(id)
      const messagesOf = (driverId: string) => now.messagesOf(driverId)
      const taskStream = (id: string) => now.taskStream(id)
      const logHomes = (id: string) => now.logHomes(id)
      return {
        state: now.snapshot(),
        node: spec.name,
        settings,
        usage: usage.samples,
        leaderships: now.leaderships(),
        detailed,
        messagesOf,
        logHomes,
        newestMessages: (search) => now.newestMessages(search),
        messagesOfTrace: (trace) => now.messagesOfTrace(trace),
        failover: () => now.failover(),
        taskStream,
      }
    },
    sessions,
    data,
    wallMs,
    kill: (id, from) => killAsCommand(parts, id, `a page that ${from} opened`),
    onSession: (from) => log.info('a session of the pages began', { from }),
    drain: (id, wanted, from) => drainAsCommand(parts, id, wanted, `a page that ${from} opened`),
    onDrained: (id, isDrained, from) =>
      log.info(isDrained ? 'drained from a page' : 'undrained from a page', { id, from }),
    onKilled: (id, from) => log.info('killed from a page', { id, from }),
    onError: (error) => log.error('a page failed', { error }),
  })
}

/** A page kills as the command does, over a link of its own: by the same checks, and at whoever leads. */
const killAsCommand = (parts: MasterWebParts, id: string, by: string): Promise<string> =>
  asCommand(parts, (client) => kill(client, id, by))

const drainAsCommand = (
  parts: MasterWebParts,
  id: string,
  wanted: WantedDrain | undefined,
  by: string,
): Promise<void> =>
  asCommand(parts, async (client) => {
    if (wanted) await client.request({ type: 'DecommissionWorkers', workers: [id], ...wanted, by })
    else await client.request({ type: 'RecommissionWorkers', workers: [id], by })
  })

async function asCommand<T>(
  { spec: { cluster, secret }, host, tls }: MasterWebParts,
  ask: (client: MasterClient) => Promise<T>,
): Promise<T> {
  const client = new MasterClient({
    cluster,
    masters: host()
      .head()
      .masters.map(({ address }) => address),
    credential: { role: 'client', key: deriveKey(secret, 'client'), tls },
    masterTimeoutMs: limits.pageChangeMs,
  })
  try {
    return await ask(client)
  } finally {
    await client.close()
  }
}
