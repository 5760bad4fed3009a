import type { Hono } from 'hono'
import { kill } from '../../../actors/client/kill.js'
import type { MasterClient } from '../../../actors/client/master-client.js'
import { masterRoutes } from '../../../actors/master/json.js'
import type { MasterHost } from '../../../actors/master/master-host.js'
import type { WantedDrain } from '../../../actors/master/pages/drain.js'
import { masterPages } from '../../../actors/master/pages/routes.js'
import type { UsageHistory } from '../../../actors/master/usage-history.js'
import { systemClock } from '../../clock.js'
import type { NodeHealth } from '../../http/health.js'
import type { Log } from '../../observe/log.js'
import type { Session, Sessions } from '../../pages/sessions.js'
import type { TlsSource } from '../../tls/tls-source.js'
import { roleOf } from '../../transport/token.js'
import { askAs } from './ask-as.js'
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
  readonly onSession: (from: string, session: Session) => void
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
    readableBy: spec.monitoring.pages,
    data,
    wallMs,
    kill: (id, from, session) => killAsCommand(parts, session, id, `a page that ${from} opened`),
    onSession: parts.onSession,
    drain: (id, wanted, from, session) =>
      drainAsCommand(parts, session, id, wanted, `a page that ${from} opened`),
    onDrained: (id, isDrained, from, session) =>
      log.info(isDrained ? 'drained from a page' : 'undrained from a page', { id, from, ...whoIn(session) }),
    onKilled: (id, from, session) => log.info('killed from a page', { id, from, ...whoIn(session) }),
    onError: (error) => log.error('a page failed', { error }),
  })
}

/** For the log. */
const whoIn = ({ subject }: Session) => ({ role: roleOf(subject), token: subject })

/**
 * A page kills as the command does, over a link of its own: at whoever leads, and with the credential of the
 * session. So the leader decides and writes down what a session may, as for every client.
 */
const killAsCommand = (parts: MasterWebParts, session: Session, id: string, by: string): Promise<string> =>
  asSession(parts, session, (client) => kill(client, id, by))

const drainAsCommand = (
  parts: MasterWebParts,
  session: Session,
  id: string,
  wanted: WantedDrain | undefined,
  by: string,
): Promise<void> =>
  asSession(parts, session, async (client) => {
    if (wanted) await client.request({ type: 'DecommissionWorkers', workers: [id], ...wanted, by })
    else await client.request({ type: 'RecommissionWorkers', workers: [id], by })
  })

function asSession<T>(
  { spec: { cluster, secret }, host, tls }: MasterWebParts,
  { subject }: Session,
  ask: (client: MasterClient) => Promise<T>,
): Promise<T> {
  const masters = host()
    .head()
    .masters.map(({ address }) => address)
  return askAs({ cluster, secret, tls, masters, subject }, ask)
}
