import { html } from '../../../runtime/pages/html.js'
import type { Frame, Page } from '../../../runtime/pages/layout.js'
import { PageSet } from '../../../runtime/pages/page-set.js'
import { notice } from '../../../runtime/pages/parts.js'
import { numberText } from '../../../runtime/pages/words.js'
import { applicationPage, applicationsPage } from './applications.js'
import { driverPage, driversPage } from './drivers.js'
import { messagesPage } from './messages.js'
import { overviewPage } from './overview.js'
import { failoverPage, tracePage } from './sequence.js'
import { settingsPage } from './settings.js'
import { ofLeader } from './standby.js'
import { masterState } from './states.js'
import { topologyPage } from './topology.js'
import { leads, type MasterPageView } from './view.js'
import { workerPage, workersPage } from './workers.js'

/** What is gone, or never was. */
const missingPage = (path: string): Page => ({
  title: 'Not found',
  status: 404,
  main: html`<h1>There is nothing here</h1>
<p class="lead">This Master knows nothing at <span class="id">${path}</span>. What ended long ago is forgotten.</p>
<p><a class="button" href="/">To the overview</a></p>`,
})

export function masterFrame(view: MasterPageView): Frame {
  const { cluster, state, stale, workers, activeApps, activeDrivers } = view.state
  const count = (rows: readonly unknown[]) => numberText(rows.length)
  const ofLeader = [
    { href: '/workers', title: 'Workers', count: count(workers) },
    { href: '/applications', title: 'Applications', count: count(activeApps) },
    { href: '/drivers', title: 'Drivers', count: count(activeDrivers) },
  ]
  return {
    cluster,
    node: `Master ${view.node}`,
    navigation: [
      { href: '/', title: leads(view) ? 'Overview' : 'Standby' },
      ...(leads(view) ? ofLeader : []),
      { href: '/messages', title: 'Messages' },
      { href: '/settings', title: 'Settings' },
    ],
    aside: masterState(state),
    banner:
      stale && leads(view)
        ? notice(
            'bad',
            'The store does not answer. This is what the Master remembers; nothing new is accepted until the store is back.',
          )
        : state === 'RECOVERING' || state === 'COMPLETING_RECOVERY'
          ? notice(
              'busy',
              'This Master has just been elected. It waits for Workers and applications to report.',
            )
          : undefined,
    foot: html`Firesteel · cluster ${cluster} · <a href="/json/">JSON</a>`,
  }
}

export interface MasterPageSetOptions {
  readonly take: () => MasterPageView
  readonly wallMs: () => number
}

/** All pages of a Master. */
export const masterPageSet = ({ take, wallMs }: MasterPageSetOptions): PageSet<MasterPageView> =>
  new PageSet<MasterPageView>({ take, wallMs, frame: masterFrame, missing: missingPage })
    .add('/', ofLeader(overviewPage))
    .add('/workers', ofLeader(workersPage))
    .add('/workers/:id', ofLeader(workerPage))
    .add('/topology', ofLeader(topologyPage))
    .add('/applications', ofLeader(applicationsPage))
    .add('/applications/:id', ofLeader(applicationPage))
    .add('/drivers', ofLeader(driversPage))
    .add('/drivers/:id', ofLeader(driverPage))
    .add('/failover', ofLeader(failoverPage))
    .add('/messages', messagesPage)
    .add('/messages/:trace', tracePage)
    .add('/settings', settingsPage)
