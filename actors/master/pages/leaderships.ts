import { withoutScheme } from '../../../runtime/addresses.js'
import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import { ago, empty, lasting, state, type Tone, table } from '../../../runtime/pages/parts.js'
import { roundedUp } from '../../../runtime/pages/timeline.js'
import { tracks } from '../../../runtime/pages/tracks.js'
import { counted, durationText, exactTime } from '../../../runtime/pages/words.js'
import type { Leadership, LeadershipEnd } from '../leadership-history.js'
import type { MasterPageView } from './view.js'

/* Which Masters have led: a picture, and the same as a table. */

/** What is meant by an end in each way. */
function endText({ how, reason }: LeadershipEnd): string {
  switch (how) {
    case 'handedOver':
      return `handed over${reason === '' ? '' : `: ${reason}`}`
    case 'closed':
      return 'its link closed: its process ended, or its machine cut it'
    case 'lost':
      return reason
    case 'replaced':
      return 'another was elected: it had not renewed its lease'
  }
}

const toneOf = ({ end }: Leadership): Tone =>
  end === undefined ? 'good' : end.how === 'handedOver' ? 'over' : 'bad'

/** How long nobody led after this one, as this Master saw it. */
function gapText(one: Leadership, next: Leadership | undefined): string {
  const gapMs = one.end && next ? next.sinceMs - one.end.atMs : 0
  return gapMs > 0 ? `; ${durationText(gapMs)} later the next was elected` : ''
}

function barTitle({ epoch, address, sinceMs, isOlder, end }: Leadership): string {
  const from = `${isOlder ? 'since before' : 'from'} ${exactTime(sinceMs)}`
  const to = end ? ` to ${exactTime(end.atMs)}: ${endText(end)}` : ', and leads'
  return `Epoch ${epoch}, ${withoutScheme(address)}, ${from}${to}`
}

function overTime(all: readonly Leadership[], nowMs: number): Html {
  const fromMs = Math.min(...all.map(({ sinceMs }) => sinceMs))
  const toMs = roundedUp(nowMs, fromMs)
  const addresses = [...new Set(all.map(({ address }) => address))].sort()
  const barOf = (one: Leadership) => ({
    tone: toneOf(one),
    fromMs: one.sinceMs,
    toMs: one.end?.atMs ?? toMs,
    ...(one.isOlder && { isOpen: true }),
    title: barTitle(one),
  })
  const leader = all.at(-1) as Leadership
  const who = leader.end ? 'none leads now' : `${withoutScheme(leader.address)} leads`
  return html`<figure class="usage over-time"><figcaption>Who has led <span class="hint">one row for each Master</span></figcaption>
${tracks({
  tracks: addresses.map((address) => ({
    name: withoutScheme(address),
    bars: all.filter((one) => one.address === address).map(barOf),
  })),
  fromMs,
  toMs,
  endText: 'now',
  beforeText: (duration) => `${duration} ago`,
  label: `Leaderships over time: ${all.length} of ${counted(addresses.length, 'Master')}; ${who}.`,
})}</figure>`
}

const atLeast = html`<span class="hint" title="It led already when this Master began to look.">or earlier</span>`

/** The newest comes first. */
function listOf({ leaderships, state: { address: own } }: MasterPageView, nowMs: number): Html {
  const rows = leaderships
    .map((one, at) => ({
      key: `${one.epoch} ${one.address}`,
      cells: [
        `${one.epoch}`,
        html`${withoutScheme(one.address)}${one.address === own && html` <span class="hint">this one</span>`}`,
        html`${ago(one.sinceMs, nowMs)}${one.isOlder && html` ${atLeast}`}`,
        lasting(one.sinceMs, one.end?.atMs ?? null, nowMs),
        one.end ? ago(one.end.atMs, nowMs) : state('LEADS', 'good'),
      ] satisfies Part[],
      note: one.end && `${endText(one.end)}${gapText(one, leaderships[at + 1])}`,
    }))
    .toReversed()
  return table({
    caption: 'Leaderships, the newest first',
    columns: [
      { title: 'Epoch' },
      { title: 'Master' },
      { title: 'Elected', minor: true },
      { title: 'Lasts', minor: true },
      { title: 'Ended' },
    ],
    rows,
  })
}

export function leadershipHistory(view: MasterPageView, nowMs: number): Html {
  const { leaderships } = view
  if (leaderships.length === 0)
    return empty(
      'No leadership has been seen yet.',
      'A Master is elected as soon as the store and, with several Masters, the lock answer.',
    )
  const before = (leaderships[0] as Leadership).epoch - 1
  const isAlone = leaderships.length === 1
  return html`${!isAlone && overTime(leaderships, nowMs)}${listOf(view, nowMs)}
${before > 0 && html`<p class="more">${counted(before, 'earlier epoch')} ${before === 1 ? 'is' : 'are'} not in it: this Master began to look later, or has forgotten them.</p>`}`
}
