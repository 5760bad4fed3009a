import { innerLimits } from '../../../runtime/inner-limits.js'
import { type Html, html } from '../../../runtime/pages/html.js'
import { ago, empty, type TableRow, table } from '../../../runtime/pages/parts.js'
import { counted } from '../../../runtime/pages/words.js'
import { reasonText } from './applications.js'
import { driverNote } from './drivers.js'
import { applicationHref, driverHref } from './links.js'
import { applicationState, driverState } from './states.js'
import type { MasterPageView } from './view.js'

/* What waits, and why. */

const SHOWN = innerLimits.overviewRows

const waits = new Set(['SUBMITTED', 'RELAUNCHING', 'RESTARTING'])

export function waitingCounts({ state }: MasterPageView): {
  readonly apps: number
  readonly drivers: number
} {
  return {
    apps: state.activeApps.filter(({ waiting }) => waiting !== undefined).length,
    drivers: state.activeDrivers.filter((driver) => waits.has(driver.state)).length,
  }
}

/** What has waited longest comes first. */
export function waitingList(view: MasterPageView, nowMs: number): Html {
  const rows: TableRow[] = []
  const { apps, drivers } = waitingCounts(view)
  if (apps + drivers === 0) return empty('Nothing waits.')
  for (const app of view.state.activeApps) {
    if (app.waiting === undefined || rows.length >= SHOWN) continue
    rows.push({
      key: app.id,
      cells: [
        html`<a href="${applicationHref(app.id)}">${app.description.name}</a>`,
        'application',
        applicationState(app.state),
        ago(app.submittedAtMs, nowMs),
      ],
      note: reasonText(app.message),
    })
  }
  const before = rows.length
  for (const driver of view.state.activeDrivers) {
    if (!waits.has(driver.state) || rows.length - before >= SHOWN) continue
    rows.push({
      key: driver.id,
      cells: [
        html`<a href="${driverHref(driver.id)}">${driver.description.name}</a>`,
        'driver',
        driverState(driver.state),
        ago(driver.submittedAtMs, nowMs),
      ],
      note: reasonText(driverNote(driver)),
    })
  }
  const more = apps + drivers - rows.length
  return html`${table({
    caption: 'What waits, and why',
    columns: [{ title: 'Name' }, { title: 'Kind', minor: true }, { title: 'State' }, { title: 'Began' }],
    rows,
  })}${more > 0 && html`<p class="more">${counted(more, 'more waits', 'more wait')}: see <a href="/applications?show=active">applications</a> and <a href="/drivers?show=active">drivers</a>.</p>`}`
}
