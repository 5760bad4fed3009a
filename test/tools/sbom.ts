import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { lockedPackages, productionPackages } from '../../runtime/launch/cli/dependencies-page.js'

/*
 * `npm run sbom` prints a bill of materials of what an installation brings. `npm sbom --omit=dev` would leave
 * out what development needs as well, such as ioredis.
 */

interface Bill {
  readonly metadata: { readonly component: { readonly name: string; readonly 'bom-ref': string } }
  readonly components: readonly {
    readonly name: string
    readonly version: string
    readonly 'bom-ref': string
  }[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[]
}

/** Without what only development needs. */
function inProduction(bill: Bill, lockText: string): Bill {
  const packages = lockedPackages(lockText)
  const wanted = new Set(productionPackages(packages).map(([name, { version }]) => `${name}@${version}`))
  const components = bill.components.filter(({ name, version }) => wanted.has(`${name}@${version}`))
  const own = bill.metadata.component['bom-ref']
  const refs = new Set([own, ...components.map((component) => component['bom-ref'])])
  const isThere = (ref: string): boolean => refs.has(ref)
  const component = { ...bill.metadata.component, name: 'firesteel' }
  return {
    ...bill,
    metadata: { ...bill.metadata, component },
    components,
    dependencies: bill.dependencies
      .filter(({ ref }) => isThere(ref))
      .map((one) => ({ ...one, ...(one.dependsOn && { dependsOn: one.dependsOn.filter(isThere) }) })),
  }
}

const made = execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], {
  encoding: 'utf8',
  maxBuffer: 64 * 2 ** 20,
})
const bill = inProduction(JSON.parse(made) as Bill, readFileSync('package-lock.json', 'utf8'))
process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`)
