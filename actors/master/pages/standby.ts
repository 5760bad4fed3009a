import { type Html, html } from '../../../runtime/pages/html.js'
import type { MakePage, PageQuery } from '../../../runtime/pages/page-set.js'
import { empty, section } from '../../../runtime/pages/parts.js'
import { leadershipHistory } from './leaderships.js'
import { leaderOrigin, mastersTable } from './masters.js'
import { leads, type MasterPageView } from './view.js'

/* What a Master shows that does not lead: which one does. */

function whoLeads(view: MasterPageView): Html {
  const { leader } = view.state
  if (leader === null)
    return empty(
      'No Master leads now.',
      'One of them is elected as soon as its store answers. This page then leads there by itself.',
    )
  if (leaderOrigin(view) === undefined)
    return empty(
      `${leader} leads.`,
      'Where its pages are is not known yet. This page shows it as soon as it is.',
    )
  return html`<div class="empty"><p>${leader} leads.</p>
<p><a class="button" href="/go/leader">Go to the leader</a></p></div>`
}

const standbyPage = ({ view, nowMs }: PageQuery<MasterPageView>) => ({
  title: 'Standby',
  main: html`<h1>This Master stands by</h1>
<p class="lead">It knows no Workers, applications and drivers until it leads.</p>
${whoLeads(view)}${section('Masters', mastersTable(view))}
${section('Leadership until now', leadershipHistory(view, nowMs))}`,
})

/** This page where the Master leads, and which one does elsewhere. */
export const ofLeader =
  (make: MakePage<MasterPageView>): MakePage<MasterPageView> =>
  (query) =>
    leads(query.view) ? make(query) : standbyPage(query)
