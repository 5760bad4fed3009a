import { cell, generated } from './markdown.js'

/** A package in the lock file, as far as it is looked at. */
export interface LockedPackage {
  readonly version?: string
  readonly license?: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly peer?: boolean
  readonly hasInstallScript?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
}
export type LockedPackages = Readonly<Record<string, LockedPackage>>

/** Of `package-lock.json`; '' is this package itself. */
export const lockedPackages = (lockText: string): LockedPackages =>
  (JSON.parse(lockText) as { packages: LockedPackages }).packages

/** Name of a package by its place in the lock file. */
const nameOf = (place: string): string =>
  place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)

/** What an installation brings: nothing that only development, or the choice of a user, needs. */
export function productionPackages(packages: LockedPackages): [name: string, locked: LockedPackage][] {
  return Object.entries(packages)
    .filter(([place, { dev, devOptional, peer }]) => place !== '' && !dev && !devOptional && !peer)
    .map(([place, locked]): [string, LockedPackage] => [nameOf(place), locked])
    .sort(
      ([one, a], [other, b]) => one.localeCompare(other) || (a.version ?? '').localeCompare(b.version ?? ''),
    )
}

function neededBy(packages: LockedPackages, name: string): string {
  const needing = Object.entries(packages)
    .filter(([, { dependencies = {}, dev }]) => !dev && Object.hasOwn(dependencies, name))
    .map(([place]) => (place === '' ? 'Firesteel' : nameOf(place)))
  const all = [...new Set(needing)].sort()
  // The page is for people; the bill of materials has all.
  const [first = '', second = ''] = all
  return all.length > 3 ? `${first}, ${second} and ${all.length - 2} more` : all.join(', ')
}

/** docs/dependencies.md. */
export function dependenciesPage(lockText: string): string {
  const packages = lockedPackages(lockText)
  const production = productionPackages(packages)
  const counts = new Map<string, number>()
  for (const [, { license = 'unknown' }] of production) counts.set(license, (counts.get(license) ?? 0) + 1)
  const licences = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([licence, count]) => `${licence} (${count})`)
  const own = Object.keys(packages['']?.dependencies ?? {}).length
  const rows = production.map(
    ([name, { version = '', license = 'unknown' }]) =>
      `| \`${name}\` | ${version} | ${cell(license)} | ${neededBy(packages, name)} |`,
  )
  return `# Dependencies

${generated}

An installation of Firesteel brings ${production.length} packages: ${own} that it names, with exact versions, and what these need.
Their licences are ${licences.join(', ')}. None of them runs a script when it is installed: with
\`npm ci --ignore-scripts\` and \`npm run build\` a checkout works as well.

- \`npm run --silent sbom > sbom.json\` writes a bill of materials of these (CycloneDX).
- \`npm audit --omit=dev\` asks the registry for known defects.
- The lock file has the checksum of each package, also of those that only development needs.
- OpenTelemetry (but its API, which prom-client needs) and esbuild are installed by who wants them.

| package | version | licence | needed by |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
