import { innerLimits } from '../../../runtime/inner-limits.js'
import { type Html, html } from '../../../runtime/pages/html.js'
import type { Page } from '../../../runtime/pages/layout.js'
import { webOrigin } from '../../../runtime/pages/page-headers.js'
import type { PageQuery } from '../../../runtime/pages/page-set.js'
import { empty, meter, state, table } from '../../../runtime/pages/parts.js'
import { pathPart } from '../../../runtime/pages/path-part.js'
import { counted, numberText } from '../../../runtime/pages/words.js'
import { applicationHref, driverHref, workerHref } from './links.js'
import { workerState } from './states.js'
import { groupTitle, type Topology, topologyOf, USE } from './topology-model.js'
import {
  coresUsed,
  placeCount,
  placeName,
  placeTone,
  type ShownMaster,
  topologyPicture,
} from './topology-picture.js'
import type { MasterPageView } from './view.js'
import { noWorker } from './workers.js'

/* The cluster as a picture, and the same as a table. */

const PATH = '/topology'
const MOST_MASTERS = innerLimits.topologyMasters
const NAMED = innerLimits.topologyNamed

/** The leader first. */
function shownMasters({ state: { masters, address: own } }: MasterPageView): ShownMaster[] {
  return masters
    .toSorted((a, b) => Number(b.address === own) - Number(a.address === own))
    .slice(0, MOST_MASTERS)
    .map(({ address, state: its, web }) => ({
      address,
      state: its,
      href:
        address === own
          ? '/settings'
          : webOrigin(web) === undefined
            ? undefined
            : `/go/master/${pathPart(address)}`,
    }))
}

export function topologyPage({ view, query }: PageQuery<MasterPageView>): Page {
  const { workers } = view.state
  const topology = topologyOf(view, { by: query.get('by'), within: query.get('in') })
  const hrefOf = (value: string): string => groupHref(topology.by, value)
  const { within } = topology
  const crumb =
    within === undefined
      ? html`<a href="/workers">Workers</a>`
      : html`<a href="${hrefBy(topology.by)}">Topology</a>`
  const title = within === undefined ? 'Topology' : groupTitle(topology.by, within)
  return {
    title,
    main: html`<p class="crumb">${crumb}</p><h1>${title}</h1>
${workers.length === 0 ? noWorker(view) : html`${within === undefined && choices(topology)}${shown(view, topology, hrefOf)}`}`,
  }
}

const hrefBy = (by: string): string => `${PATH}?${new URLSearchParams({ by })}`

/** The group without a value is asked for with an empty one. */
const groupHref = (by: string, value: string): string => `${PATH}?${new URLSearchParams({ by, in: value })}`

function choices({ by, labels }: Topology): Html {
  const choice = (value: string): Html =>
    html`<a href="${hrefBy(value)}"${value === by && html` aria-current="true"`}>${value === USE ? 'use' : value}</a>`
  return html`<div class="tools"><div class="choices" role="group" aria-label="Group Workers by"><span class="hint">Grouped by</span>${[...labels, USE].map(choice)}</div></div>`
}

function shown(view: MasterPageView, topology: Topology, hrefOf: (value: string) => string): Html {
  if (topology.places.length === 0)
    return empty('No Worker is in this group now.', html`<a href="${PATH}">The whole cluster</a>`)
  return html`<div class="picture">${topologyPicture({ topology, masters: shownMasters(view), hrefOf })}</div>
<p class="more">A line from the leader is a link to Workers; it is dashed where they are silent or gone. The wider a line to an application is, the more executors it has there.</p>
${placesTable(topology, hrefOf)}`
}

function placesTable(topology: Topology, hrefOf: (value: string) => string): Html {
  const isGrouped = topology.places.some(({ group }) => group)
  const label = topology.by === USE || isGrouped ? undefined : topology.by
  const rows = topology.places.map((place, at) => {
    const { workers, group } = place
    const [worker] = workers
    const { used, all } = coresUsed(place)
    return {
      key: place.key,
      cells: [
        group
          ? group.value === undefined
            ? group.title
            : html`<a href="${hrefOf(group.value)}">${group.title}</a>`
          : html`<a href="${workerHref(place.key)}">${placeName(place)}</a>`,
        group ? state(placeCount(place), placeTone(place)) : worker && workerState(worker),
        ...(label === undefined ? [] : [worker?.labels[label] ?? '']),
        all > 0 &&
          html`<span class="amount">${numberText(used)} of ${counted(all, 'core')}</span>${meter(used, all, `${used} of ${counted(all, 'core')} in use`)}`,
        runsText(topology, at),
      ],
    }
  })
  return table({
    caption: isGrouped ? 'Workers in groups' : 'Workers',
    columns: [
      { title: isGrouped ? 'Workers' : 'Name' },
      { title: 'State' },
      ...(label === undefined ? [] : [{ title: label, minor: true as const }]),
      { title: 'Cores in use', minor: true },
      { title: 'What runs there' },
    ],
    rows,
  })
}

function runsText({ works, runs }: Topology, at: number): Html | string {
  const here = runs.filter(({ place }) => place === at)
  if (here.length === 0) return 'nothing'
  const named = here.slice(0, NAMED).map(({ work: index, count }, number) => {
    const work = works[index]
    if (!work) return ''
    const { kind, id, title } = work
    const link =
      id === undefined
        ? title
        : html`<a href="${kind === 'driver' ? driverHref(id) : applicationHref(id)}">${title}</a>`
    return html`${number > 0 && ', '}${link}${count > 1 && ` (${numberText(count)})`}`
  })
  const more = here.length - NAMED
  return html`${named}${more > 0 && ` and ${numberText(more)} more`}`
}
