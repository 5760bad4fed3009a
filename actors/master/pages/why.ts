import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import { ago, code, empty, section, table } from '../../../runtime/pages/parts.js'
import type { DriverEvent } from '../../messages/driver-life.js'
import type { ShownExplanation } from '../../messages/explained.js'
import type { DriverStatus } from '../../messages/status.js'
import { workerLink } from './links.js'
import type { MasterPageView } from './view.js'

/* Why a thing waits, runs or has ended, and what happened to it: what `firesteel explain` says. */

/** Commands stand between backticks. */
const withCode = (text: string): Part =>
  text.split('`').map((part, index) => (index % 2 === 1 ? code(part) : part))

export function whySection(view: MasterPageView, explanation: ShownExplanation): Html {
  const { why, helps, notes, workers, others } = explanation
  const lines = [why, ...notes, helps].filter((text) => text !== '')
  const list =
    workers.length > 0 &&
    table({
      caption: 'What keeps each Worker from it',
      columns: [{ title: 'Worker' }, { title: 'What keeps it' }],
      rows: workers.map(({ workerId, text }) => ({
        key: workerId,
        cells: [workerLink(view, workerId), text],
      })),
    })
  const more = others !== '' && html`<p class="more">${others}</p>`
  return html`<div class="why">${section('Why', html`${lines.map((text) => html`<p>${withCode(text)}</p>`)}${list}${more}`)}</div>`
}

/** True: the message of its row says nothing more. Of what lives and waits it is a shorter explanation. */
export const isSaid = (
  { why, cause }: ShownExplanation,
  { message, endedAtMs }: Pick<DriverStatus, 'message' | 'endedAtMs'>,
): boolean => message === '' || why.includes(message) || (endedAtMs === null && cause !== 'RUNS')

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
