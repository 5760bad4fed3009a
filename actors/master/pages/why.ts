import { type Html, html } from '../../../runtime/pages/html.js'
import { ago, empty, section, table } from '../../../runtime/pages/parts.js'
import type { DriverEvent } from '../../messages/driver-life.js'
import type { ShownExplanation } from '../../messages/explained.js'
import { workerLink } from './links.js'
import type { MasterPageView } from './view.js'

/* Why a thing waits, runs or has ended, and what happened to it: what `firesteel explain` says. */

export function whySection(view: MasterPageView, explanation: ShownExplanation): Html {
  const { why, helps, notes, workers, others } = explanation
  const lines = [why, ...notes, helps].filter((text) => text !== '')
  const list =
    workers.length > 0 &&
    table({
      caption: 'What keeps each Worker from it',
      columns: [{ title: 'Worker' }, { title: 'Host', minor: true }, { title: 'What keeps it' }],
      rows: workers.map(({ workerId, host, text }) => ({
        key: workerId,
        cells: [workerLink(view, workerId), host, text],
      })),
    })
  return section(
    'Why',
    html`${lines.map((text) => html`<p>${text}</p>`)}${list}${others !== '' && html`<p class="more">${others}</p>`}`,
  )
}

export function eventsSection(events: readonly DriverEvent[], nowMs: number): Html {
  const row = ({ atMs, text, epoch }: DriverEvent): Html =>
    html`<li>${ago(atMs, nowMs)}<span>${text}${epoch !== undefined && html` <span class="hint">epoch ${epoch}</span>`}</span></li>`
  return section(
    'What happened',
    events.length === 0
      ? empty('Nothing has happened to it yet.')
      : html`<ol class="events" reversed>${events.toReversed().map(row)}</ol>`,
  )
}
