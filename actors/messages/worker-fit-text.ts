import { counted, durationText, memoryText, memoryTexts } from '../../runtime/pages/words.js'
import type { Holder, MissingLabel, Shortage, Wait, WorkerFit, WorkerVerdict } from './explanation.js'
import { failureReason } from './launch-failure-text.js'

/* What keeps a Worker from something that waits, as text for people. */

/** What it says after the Worker's name. */
export function fitText(fit: WorkerFit, nowMs: number): string {
  const { verdict, short, labels, failed, holders } = fit
  switch (verdict) {
    case 'FITS':
      return 'free for it'
    case 'RESTING':
    case 'EXCLUDED':
      return failedText(fit, nowMs)
    case 'NO_ROOM':
      return [
        `too little is free: ${short.map(roomText).join('; ')}`,
        ...(holders.length > 0 ? [`most of it is held by ${holders.map(holderText).join(', ')}`] : []),
        ...(failed ? [failedText(fit, nowMs)] : []),
      ].join('; ')
    case 'TOO_SMALL':
      return `too small: ${short.map(sizeText).join('; ')}`
    case 'NO_LABEL':
      return `other labels: ${labels.map(labelText).join('; ')}`
    case 'NOT_REPORTED':
      return 'it has yet to tell this Master what it runs'
    case 'UNREACHABLE':
      return `no link to it${heardText(fit.heardAtMs, nowMs)}${deadText(fit.deadAtMs, nowMs)}`
    case 'STOPPING':
      return 'it is being stopped'
    case 'DRAINING':
      return 'it is drained'
    case 'DEAD':
      return `it is dead${heardText(fit.heardAtMs, nowMs)}`
  }
}

function failedText({ verdict, failed }: WorkerFit, nowMs: number): string {
  if (!failed) return 'launches failed there'
  const often = `${counted(failed.failures, 'failed launch', 'failed launches')} in a row`
  const excluded = verdict === 'EXCLUDED' || failed.excluded ? ', so it is excluded' : ''
  const next = failed.retryAtMs > nowMs ? `, not tried for ${durationText(failed.retryAtMs - nowMs)}` : ''
  return `${often}${excluded}${next}; the last one: ${failureReason(failed)}`
}

const wordOf = (what: string): string => (what === 'memoryMib' ? 'memory' : what)

function amountText(what: string, amount: number): string {
  if (what === 'cores') return counted(amount, 'core')
  return what === 'memoryMib' ? memoryText(amount) : `${amount} ${what}`
}

/** Two amounts, in words that differ where they do. */
const amountTexts = (what: string, one: number, other: number): readonly [string, string] =>
  what === 'memoryMib' ? memoryTexts(one, other) : [amountText(what, one), amountText(what, other)]

function roomText({ what, wanted, free, whole }: Shortage): string {
  const [wants, has] = amountTexts(what, wanted, free)
  return `${wants} wanted, ${has} free of ${amountText(what, whole)}`
}

function sizeText({ what, wanted, whole }: Shortage): string {
  const [wants, has] = amountTexts(what, wanted, whole)
  return `${wants} wanted, it has ${has}`
}

const labelText = ({ label, wanted, found }: MissingLabel): string =>
  found === undefined ? `no ${label}, ${wanted} wanted` : `${label}=${found}, ${wanted} wanted`
const holderText = ({ id, cores, memoryMib }: Holder): string =>
  `${id} (${counted(cores, 'core')}, ${memoryText(memoryMib)})`

/** What each of the nearest Workers of this verdict has too little of: `cores`, `memory`, `gpu`. */
export function missingEverywhere({ workers }: Wait, verdict: WorkerVerdict): string[] {
  const short = workers
    .filter((fit) => fit.verdict === verdict)
    .map((fit) => fit.short.map(({ what }) => what))
  const [first = [], ...others] = short
  return first.filter((what) => others.every((of) => of.includes(what))).map(wordOf)
}

/** `in 3 s at the latest` */
export const inText = (untilMs: number, nowMs: number): string =>
  untilMs <= nowMs ? 'at once' : `in ${durationText(untilMs - nowMs)} at the latest`

const heardText = (heardAtMs: number | undefined, nowMs: number): string =>
  heardAtMs === undefined ? '' : `, heard last ${durationText(nowMs - heardAtMs)} ago`
export const deadText = (deadAtMs: number | undefined, nowMs: number): string =>
  deadAtMs === undefined ? '' : `; it counts as dead ${inText(deadAtMs, nowMs)}`

const countTexts: Readonly<Record<WorkerVerdict, string>> = {
  FITS: 'free for it',
  RESTING: 'that failed to start it lately',
  EXCLUDED: 'excluded',
  NO_ROOM: 'with too little free',
  NOT_REPORTED: 'not heard yet',
  UNREACHABLE: 'without a link',
  STOPPING: 'being stopped',
  DRAINING: 'drained',
  TOO_SMALL: 'too small',
  NO_LABEL: 'with other labels',
  DEAD: 'dead',
}

/** All Workers that are not shown one by one; '' for none. */
export function othersText({ counts, workers }: Wait): string {
  const left = Object.entries(counts).flatMap(([verdict, all]) => {
    const count = all - workers.filter((fit) => fit.verdict === verdict).length
    const text = Object.hasOwn(countTexts, verdict) ? countTexts[verdict as WorkerVerdict] : verdict
    return count > 0 ? [`${count} ${text}`] : []
  })
  return left.length === 0 ? '' : `and ${left.join(', ')}`
}
