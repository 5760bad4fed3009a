import { limits } from '../../limits.js'
import { generated, wrapped } from './markdown.js'

/* docs/limits.md, from the values of runtime/limits.ts and from its comments. Pure: text in, text out. */

const intro = `Every limit has a name with its unit, a default and a reason. They stand in \`runtime/limits.ts\`, and this page is made from that file.
Some can be changed: those that the [deployment file](configuration.md) or [connect()](library.md) names. The others are constants of this
release.`

type Name = keyof typeof limits

interface Group {
  readonly names: Name[]
  readonly reason: string
}

interface Section {
  readonly title: string
  readonly groups: Group[]
}

const isName = (text: string): text is Name => Object.hasOwn(limits, text)

/** Comments of the source with the names that follow each. */
export function sectionsOf(source: string): Section[] {
  const sections: Section[] = []
  let reason = ''
  let group: Group | undefined
  for (const [, title, comment, name] of source.matchAll(
    /^ {2}\/\/ (.+)$|^ {2}\/\*\*([\s\S]*?)\*\/$|^ {2}(\w+):/gm,
  )) {
    if (title !== undefined) sections.push({ title, groups: [] })
    if (comment !== undefined)
      reason = comment
        .replaceAll(/^\s*\*/gm, '')
        .replaceAll(/\s+/g, ' ')
        .trim()
    if (title !== undefined || comment !== undefined) group = undefined
    if (title !== undefined) reason = ''
    if (name === undefined || !isName(name)) continue
    if (group === undefined) {
      group = { names: [], reason }
      sections.at(-1)?.groups.push(group)
    }
    group.names.push(name)
  }
  return sections
}

const units: readonly (readonly [
  suffix: RegExp,
  steps: readonly (readonly [size: number, unit: string])[],
])[] = [
  [
    /Ms(PerByte)?$/,
    [
      [3_600_000, 'h'],
      [60_000, 'min'],
      [1000, 's'],
      [1, 'ms'],
    ],
  ],
  [
    /Bytes(PerSecond\w*)?$/,
    [
      [1024 ** 2, 'MiB'],
      [1024, 'KiB'],
      [1, 'bytes'],
    ],
  ],
]

/** `5 s`, `64 KiB`, `1,024`. */
export function amountText(name: string, value: number): string {
  const steps = units.find(([suffix]) => suffix.test(name))?.[1] ?? []
  const step = steps.find(([size]) => value >= size && (value * 10) % size === 0) ?? steps.at(-1)
  const inUnit = step === undefined ? value : value / step[0]
  const number = inUnit.toLocaleString('en-US', { maximumFractionDigits: 3 })
  return step === undefined ? number : `${number} ${step[1]}`
}

const groupText = ({ names, reason }: Group): string => {
  const values = names.map((name) => `**\`${name}\`** ${amountText(name, limits[name])}`).join(', ')
  return `- ${wrapped(`${values}.${reason === '' ? '' : ` ${reason}`}`, '  ').trimStart()}`
}

/** docs/limits.md. */
export function limitsPage(source: string): string {
  const parts = sectionsOf(source)
    .filter(({ groups }) => groups.length > 0)
    .map(({ title, groups }) => `## ${title}\n\n${groups.map(groupText).join('\n')}`)
  return `${['# Limits', generated, intro, ...parts].join('\n\n')}\n`
}
