import type { ActorSystem } from '../system/actor-system.js'
import type { TlsMaterial } from '../tls/material.js'
import { type Role, roles } from '../transport/identity.js'
import type { EventLoopWatch } from './event-loop-watch.js'
import { byLabel, counter, gauge, histogram, type Readings, type Samples } from './family.js'
import { LabelCounts } from './label-counts.js'
import type { NodeMetrics } from './node-metrics.js'

/** Metrics that every Master and every Worker has. */
export const nodeFamilies = {
  firesteel_build_info: gauge(
    'Always 1. Its labels are the release, the version of Node.js, and the kind of this node.',
    'version',
    'node_version',
    'role',
  ),
  firesteel_messages_received_total: counter('Messages that came over links, by type.', 'type'),
  firesteel_messages_sent_total: counter('Messages that left over links, by type.', 'type'),
  firesteel_messages_handled_total: counter(
    'Messages that actors of this process handled, wherever they came from, by type.',
    'type',
  ),
  firesteel_message_handler_seconds_total: counter(
    'Time of the event loop that handlers took, by type of message. Waiting is not in it.',
    'type',
  ),
  firesteel_mailbox_messages: gauge('Messages that wait in the mailbox of an actor.', 'actor'),
  firesteel_mailbox_wait_seconds: histogram(
    'How long messages waited in mailboxes; one message per mailbox is measured at a time.',
  ),
  firesteel_dead_letters_total: counter('Messages that were not delivered, by reason.', 'reason'),
  firesteel_actor_failures_total: counter('Exceptions in handlers of actors.'),
  firesteel_actor_restarts_total: counter('Actors that their supervisor restarted.'),
  firesteel_refused_epochs_total: counter(
    'Messages of a former leadership that this node refused with StaleEpoch.',
  ),
  firesteel_frames_dropped_total: counter(
    'Messages that this node did not admit (not_admitted), and links that it ended because of bytes that are no message (unreadable).',
    'reason',
  ),
  firesteel_connections_refused_total: counter('Connections that did not become links, by reason.', 'reason'),
  firesteel_tls_certificate_expires_timestamp_seconds: gauge(
    'When the file of TLS counts no more (cert, ca or crl), in seconds since 1970. Without TLS there is none.',
    'file',
  ),
  firesteel_tls_reloads_total: counter(
    'Attempts to use other certificates, by result: changed, or refused because they do not fit.',
    'result',
  ),
  firesteel_links: gauge('Open links, by the role of the peer.', 'role'),
  firesteel_link_send_queue_bytes: gauge('Bytes that wait to be sent, over all links.'),
  firesteel_event_loop_lag_seconds: histogram(
    'How late a timer fired that is set several times a second: how long the event loop was held.',
  ),
  firesteel_event_loop_busy_seconds_total: counter('Time that the event loop has worked, and not waited.'),
  process_cpu_seconds_total: counter('Processor time of this process, in user and system mode.'),
  process_resident_memory_bytes: gauge('Resident memory of this process.'),
  process_start_time_seconds: gauge('Start of this process, in seconds since 1970.'),
  nodejs_heap_size_total_bytes: gauge('Size of the heap of Node.js.'),
  nodejs_heap_size_used_bytes: gauge('Used part of the heap of Node.js.'),
} as const

export interface NodeParts {
  readonly version: string
  readonly role: 'master' | 'worker'
  readonly system: Pick<ActorSystem, 'metrics' | 'counters' | 'actors'>
  readonly node: NodeMetrics
  readonly loop: EventLoopWatch
  readonly tls?: { readonly material: Pick<TlsMaterial, 'expiresMs'> } | undefined
  readonly links: () => Iterable<{ readonly peer: { readonly role: Role }; readonly bufferedBytes: number }>
}

const actorsOf = { master: ['Master', 'LeaderElectionAgent'], worker: ['Worker'] } as const

export function nodeReadings(parts: NodeParts): Readings<typeof nodeFamilies> {
  const { system, node, loop, tls, version, role } = parts
  const byType =
    (of: 'received' | 'sent' | 'handled' | 'handlerMs', scale = 1) =>
    (): Samples =>
      system.metrics.messages.all.flatMap((count) =>
        count[of] === 0 ? [] : [[{ type: count.type }, count[of] / scale] as const],
      )
  return {
    firesteel_build_info: () => [[{ version, node_version: process.versions.node, role }, 1]],
    firesteel_messages_received_total: byType('received'),
    firesteel_messages_sent_total: byType('sent'),
    firesteel_messages_handled_total: byType('handled'),
    firesteel_message_handler_seconds_total: byType('handlerMs', 1000),
    firesteel_mailbox_messages: () => mailboxes(parts),
    firesteel_mailbox_wait_seconds: () => system.metrics.mailboxWait,
    firesteel_dead_letters_total: () => byLabel('reason', system.metrics.deadLetters.entries),
    firesteel_actor_failures_total: () => system.counters.failures,
    firesteel_actor_restarts_total: () => system.counters.restarts,
    firesteel_refused_epochs_total: () =>
      system.metrics.messages.all.find(({ type }) => type === 'StaleEpoch')?.sent ?? 0,
    firesteel_frames_dropped_total: () => byLabel('reason', node.dropped.entries),
    firesteel_connections_refused_total: () => byLabel('reason', node.refused.entries),
    firesteel_tls_certificate_expires_timestamp_seconds: () =>
      byLabel(
        'file',
        Object.entries(tls?.material.expiresMs ?? {}).map(([file, ms]) => [file, ms / 1000]),
      ),
    firesteel_tls_reloads_total: () => byLabel('result', node.tlsReloads.entries),
    firesteel_links: () => {
      const counts = new LabelCounts<Role>(roles)
      for (const { peer } of parts.links()) counts.add(peer.role)
      return byLabel('role', counts.entries)
    },
    firesteel_link_send_queue_bytes: () => {
      let bytes = 0
      for (const { bufferedBytes } of parts.links()) bytes += bufferedBytes
      return bytes
    },
    firesteel_event_loop_lag_seconds: () => loop.lag,
    firesteel_event_loop_busy_seconds_total: () => loop.busySeconds,
    process_cpu_seconds_total: () => {
      const { user, system: kernel } = process.cpuUsage()
      return (user + kernel) / 1e6
    },
    process_resident_memory_bytes: () => process.memoryUsage.rss(),
    process_start_time_seconds: () => performance.timeOrigin / 1000,
    nodejs_heap_size_total_bytes: () => process.memoryUsage().heapTotal,
    nodejs_heap_size_used_bytes: () => process.memoryUsage().heapUsed,
  }
}

function mailboxes({ system, role }: NodeParts): Samples {
  const counts = new LabelCounts<string>(actorsOf[role])
  for (const { path, mailbox } of system.actors()) counts.add(path.slice(path.lastIndexOf('/') + 1), mailbox)
  return byLabel('actor', counts.entries)
}
