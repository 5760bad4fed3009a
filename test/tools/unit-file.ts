/** A unit of systemd: section, key, and its values in their order. */
export type UnitFile = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>

/** Reads what our units use: sections, `KEY=VALUE` lines and comments. Throws for anything else. */
export function parseUnitFile(text: string): UnitFile {
  const sections = new Map<string, Map<string, string[]>>()
  let section: Map<string, string[]> | undefined
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const heading = /^\[([A-Z][a-z]+)\]$/.exec(line)
    if (heading) {
      section = new Map()
      sections.set(heading[1]!, section)
      continue
    }
    const setting = /^([A-Za-z]+)=(.*)$/.exec(line)
    if (!setting || !section) throw new Error(`no line of a unit: ${line}`)
    const [, key, value] = setting
    section.set(key!, [...(section.get(key!) ?? []), value!])
  }
  return sections
}

/** The one value of a key; throws if it has none or several. */
export function settingOf(unit: UnitFile, section: string, key: string): string {
  const values = unit.get(section)?.get(key) ?? []
  if (values.length !== 1) throw new Error(`${section}.${key} has ${values.length} values`)
  return values[0]!
}
