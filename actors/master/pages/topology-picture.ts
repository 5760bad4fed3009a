import { withoutScheme } from '../../../runtime/addresses.js'
import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import type { Tone } from '../../../runtime/pages/parts.js'
import { counted, numberText, percentOf } from '../../../runtime/pages/words.js'
import type { RecoveryState } from '../../messages/common.js'
import type { WorkerStatus } from '../../messages/status.js'
import { applicationHref, driverHref, workerHref } from './links.js'
import { masterTones, toneOfWorker, workerStateText } from './states.js'
import { groupTitle, type Place, type Topology, USE, type Work } from './topology-model.js'

/*
 * A cluster as a picture: Masters to the left, Workers in the middle, what runs on them to the right. Every
 * box is a link and says in words what it shows, so that the keyboard gets everywhere.
 */

/** Units of the drawing, which are pixels on a wide window. */
const size = { width: 1040, box: 54, gap: 10, heading: 24, top: 30, bar: 4, widest: 7 } as const
const columns = {
  masters: { x: 1, width: 210 },
  places: { x: 350, width: 300 },
  works: { x: 790, width: 249 },
} as const
/** Of texts in a box; the title of the box has all. */
const chars = { master: 24, place: 34, work: 26 } as const

export interface ShownMaster {
  readonly address: string
  readonly state: RecoveryState | 'UNKNOWN'
  /** Undefined: its pages are not known. */
  readonly href: string | undefined
}

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
}

const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text

/** The same shape and colour as a state has elsewhere. */
function mark(tone: Tone, x: number, y: number): Html {
  if (tone === 'bad') return html`<path class="mark bad" d="M${x} ${y - 5}l5 5l-5 5l-5 -5z"/>`
  if (tone === 'over' || tone === 'plain') return html`<path class="mark over" d="M${x - 5} ${y}h10"/>`
  return html`<circle class="mark ${tone}" cx="${x}" cy="${y}" r="4"/>`
}

interface BoxParts extends Box {
  readonly tone: Tone
  readonly name: string
  readonly below: string
  /** All that it shows, in words. */
  readonly label: string
  readonly href: string | undefined
  readonly percent?: number
  readonly kind: string
}

function boxOf({ x, y, width, tone, name, below, label, href, percent, kind }: BoxParts): Html {
  const inner = html`<title>${label}</title><rect class="box" x="${x}" y="${y}" width="${width}" height="${size.box}" rx="7"/>
${mark(tone, x + 15, y + 18)}<text class="name" x="${x + 28}" y="${y + 22}">${name}</text>
<text class="below" x="${x + 28}" y="${y + 38}">${below}</text>${percent !== undefined && bar(x, y + size.box - size.bar - 3, width, percent)}`
  return href === undefined
    ? html`<g class="${kind} ${tone}" role="img" aria-label="${label}">${inner}</g>`
    : html`<a class="${kind} ${tone}" href="${href}" aria-label="${label}">${inner}</a>`
}

function bar(x: number, y: number, width: number, percent: number): Html {
  const used = (Math.max(percent > 0 ? 1.5 : 0, percent) * (width - 16)) / 100
  return html`<rect class="all" x="${x + 8}" y="${y}" width="${width - 16}" height="${size.bar}" rx="2"/><rect class="used ${percent >= 90 && 'full'}" x="${x + 8}" y="${y}" width="${used.toFixed(1)}" height="${size.bar}" rx="2"/>`
}

/** From the right side of one box to the left side of another. */
function curve(from: Box, to: Box): string {
  const [x1, x2] = [from.x + from.width, to.x]
  const [y1, y2] = [from.y + size.box / 2, to.y + size.box / 2]
  const middle = (x1 + x2) / 2
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`
}

const alive = (workers: readonly WorkerStatus[]): readonly WorkerStatus[] =>
  workers.filter(({ state }) => state === 'ALIVE')

export const coresUsed = ({ workers }: Place): { used: number; all: number } => ({
  used: alive(workers).reduce((sum, worker) => sum + worker.coresUsed, 0),
  all: alive(workers).reduce((sum, worker) => sum + worker.cores, 0),
})

/** All that is wrong at a place decides. */
export function placeTone({ workers }: Place): Tone {
  const [first] = workers
  if (workers.length === 1 && first) return toneOfWorker(first)
  const living = alive(workers).length
  return living === 0 ? 'bad' : living < workers.length ? 'busy' : 'good'
}

/** `412 Workers, 3 gone`. */
export function placeCount({ workers }: Place): string {
  const gone = workers.length - alive(workers).length
  return `${counted(workers.length, 'Worker')}${gone > 0 ? `, ${numberText(gone)} gone` : ''}`
}

export const placeName = ({ workers, group }: Place): string => group?.title ?? workers[0]?.name ?? ''

export interface TopologyPictureParts {
  readonly topology: Topology
  readonly masters: readonly ShownMaster[]
  /** Where the Workers of this group are shown. */
  readonly hrefOf: (value: string) => string
}

export function topologyPicture({ topology, masters, hrefOf }: TopologyPictureParts): Html {
  const { places, works, runs } = topology
  const headings: Html[] = []
  const step = size.box + size.gap
  let y: number = size.top
  let before: string | undefined
  const placeBoxes = places.map(({ workers: [worker], group }): Box => {
    const value = topology.by === USE || group ? undefined : (worker?.labels[topology.by] ?? '')
    if (value !== undefined && value !== before) {
      headings.push(heading(columns.places.x, y + 12, groupTitle(topology.by, value)))
      y += size.heading
    }
    before = value
    const box = { ...columns.places, y }
    y += step
    return box
  })
  const height = Math.max(y, size.top + step * Math.max(masters.length, works.length))
  const column = (at: { x: number; width: number }, count: number): Box[] => {
    const top = size.top + Math.max(0, (height - size.top - count * step) / 2)
    return Array.from({ length: count }, (_, index) => ({ ...at, y: top + index * step }))
  }
  const masterBoxes = column(columns.masters, masters.length)
  const workBoxes = column(columns.works, works.length)
  const most = Math.max(1, ...runs.map(({ count }) => count))
  const leads = masterBoxes[masters.findIndex(({ state }) => state !== 'STANDBY' && state !== 'UNKNOWN')]
  const toPlaces = places.map((place, at) => {
    const tone = placeTone(place)
    return leads && html`<path class="link ${tone}" d="${curve(leads, placeBoxes[at] as Box)}"/>`
  })
  const toWorks = runs.map(({ place, work, count }) => {
    const width = 1 + ((size.widest - 1) * count) / most
    const path = curve(placeBoxes[place] as Box, workBoxes[work] as Box)
    return html`<path class="run" stroke-width="${width.toFixed(1)}" d="${path}"/>`
  })
  return html`<svg class="topology" role="group" aria-label="The cluster: ${summary(topology, masters)}" viewBox="0 0 ${size.width} ${height}">
${heading(columns.masters.x, 12, 'Masters')}${heading(columns.places.x, 12, 'Workers')}${heading(columns.works.x, 12, 'What runs')}${headings}
${toPlaces}${toWorks}
${masters.map((master, at) => masterBox(master, masterBoxes[at] as Box))}
${places.map((place, at) => placeBox(place, placeBoxes[at] as Box, hrefOf))}
${works.map((work, at) => workBox(work, workBoxes[at] as Box))}</svg>`
}

const heading = (x: number, y: number, text: Part): Html =>
  html`<text class="heading" x="${x}" y="${y}">${text}</text>`

function summary({ places, works }: Topology, masters: readonly ShownMaster[]): string {
  const workers = places.flatMap((place) => place.workers)
  return `${counted(masters.length, 'Master')}, ${placeCount({ key: '', workers })}, ${counted(works.length, 'application or driver', 'applications and drivers')}`
}

function masterBox({ address, state, href }: ShownMaster, box: Box): Html {
  const name = withoutScheme(address)
  return boxOf({
    ...box,
    kind: 'master',
    tone: masterTones[state],
    name: cut(name, chars.master),
    below: state,
    label: `Master ${name}: ${state}`,
    href,
  })
}

function placeBox(place: Place, box: Box, hrefOf: (value: string) => string): Html {
  const { workers, group } = place
  const { used, all } = coresUsed(place)
  const [worker] = workers
  const text = all === 0 ? '' : `${numberText(used)} of ${counted(all, 'core')}`
  const name = placeName(place)
  const what = group ? placeCount(place) : worker ? workerStateText(worker) : ''
  const label = `${group ? `Workers, ${name}` : `Worker ${name}`}: ${[what, text && `${text} in use`].filter((part) => part !== '').join(', ')}`
  return boxOf({
    ...box,
    kind: 'place',
    tone: placeTone(place),
    name: cut(name, chars.place),
    below: [what, text].filter((part) => part !== '').join(' · '),
    label,
    href: group
      ? group.value === undefined
        ? '/workers'
        : hrefOf(group.value)
      : worker && workerHref(worker.id),
    percent: percentOf(used, all),
  })
}

function workBox({ kind, id, title, count }: Work, box: Box): Html {
  const below = kind === 'driver' ? (id ? 'driver' : '') : counted(count, 'executor')
  return boxOf({
    ...box,
    kind: 'work',
    tone: 'good',
    name: cut(title, chars.work),
    below,
    label: kind === 'driver' ? `${title}${below && `, ${below}`}` : `Application ${title}: ${below}`,
    href:
      id === undefined ? `/${kind}s?show=active` : kind === 'driver' ? driverHref(id) : applicationHref(id),
  })
}
