/* Amounts and times as people read them: always with a unit. */

/** Binary units, as Spark's are. */
const mibPer = { gib: 1024, tib: 1024 * 1024 } as const

/** At most three digits that matter, and no zeros behind the point. */
const short = (value: number): string =>
  value >= 100 ? value.toFixed(0) : String(Number(value.toFixed(value >= 10 ? 1 : 2)))

/** MiB -> `512 MiB`, `1.5 GiB`, `2 TiB`. */
export function memoryText(mib: number): string {
  if (mib >= mibPer.tib) return `${short(mib / mibPer.tib)} TiB`
  return mib >= mibPer.gib ? `${short(mib / mibPer.gib)} GiB` : `${mib} MiB`
}

/** Two amounts that are compared: in MiB where their texts would hide that they differ. */
export function memoryTexts(mib: number, other: number): readonly [string, string] {
  const texts = [memoryText(mib), memoryText(other)] as const
  return mib !== other && texts[0] === texts[1] ? [`${mib} MiB`, `${other} MiB`] : texts
}

/** `1.5 of 8 GiB`, `512 MiB of 8 GiB`, `0 of 8 GiB`. */
export function memoryPartText(usedMib: number, allMib: number): string {
  const [all, used] = [memoryText(allMib), memoryText(usedMib)]
  const unit = all.slice(all.indexOf(' '))
  return `${usedMib === 0 ? '0' : used.endsWith(unit) ? used.slice(0, -unit.length) : used} of ${all}`
}

const grouped = new Intl.NumberFormat('en-GB')

/** 12345 -> `12,345`. */
export const numberText = (count: number): string => grouped.format(count)

/** `1 core`, `12 cores`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${numberText(count)} ${count === 1 ? one : many}`

/** Percent of the whole; 0 if there is nothing. */
export const percentOf = (used: number, all: number): number =>
  all <= 0 ? 0 : Math.min(100, Math.max(0, (100 * used) / all))

const msPer = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `40 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. Below a second: `250 ms`. */
export function durationText(ms: number): string {
  if (ms < msPer.s) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < msPer.min) return `${short(Math.floor(ms / 100) / 10)} s`
  if (ms < msPer.h) return `${Math.floor(ms / msPer.min)} min`
  const [unit, each, below, part] =
    ms < msPer.d ? ['h', msPer.h, 'min', msPer.min] : ['d', msPer.d, 'h', msPer.h]
  const rest = Math.floor((ms % Number(each)) / Number(part))
  return `${Math.floor(ms / Number(each))} ${unit}${rest > 0 ? ` ${rest} ${below}` : ''}`
}

/** How long, for a text that stays true for a while: seconds are not told apart. */
export const roughDurationText = (ms: number): string =>
  ms < msPer.min ? 'less than a minute' : durationText(ms)

/** `just now`, `5 min ago`, `in 3 min`. Clocks may differ a little. */
export function agoText(ms: number): string {
  if (Math.abs(ms) < msPer.min) return ms < 0 ? 'in a moment' : 'just now'
  return ms < 0 ? `in ${durationText(-ms)}` : `${durationText(ms)} ago`
}

/** `2026-11-29 01:02:03 UTC`. */
export const exactTime = (ms: number): string =>
  `${new Date(ms).toISOString().replace('T', ' ').slice(0, -5)} UTC`

const bytesPer = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
] as const

/** Bytes -> `12 bytes`, `1.5 KiB`, `2 GiB`. */
export function bytesText(bytes: number): string {
  for (const [unit, each] of bytesPer) if (bytes >= each) return `${short(bytes / each)} ${unit}`
  return counted(bytes, 'byte')
}
