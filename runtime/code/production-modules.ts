import { readFile, realpath } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { FiresteelError, reasonOf, systemCodeOf } from '../errors.js'

/** An installed package that travels with the code that needs it. */
export interface TravellingModule {
  /** Its folder on this machine, without links. */
  readonly source: string
  /** Its folder below that of the code: `node_modules/a`, `node_modules/a/node_modules/b`. */
  readonly target: string
}

interface PackageJson {
  readonly dependencies?: unknown
  readonly optionalDependencies?: unknown
  readonly peerDependencies?: unknown
}

const MODULES = 'node_modules'
/** What a package may be called. It becomes part of a path. */
const NAME = /^(?:@[a-z0-9~._-]+\/)?[a-z0-9~._-]+$/i

interface Needed {
  readonly name: string
  readonly optional: boolean
}

/** A package, where it was found and where it will be. */
interface Placed {
  readonly source: string
  readonly target: string
}

/**
 * The production dependencies of the package in `packageFolder`, and theirs, found as Node finds them. A
 * package that lies below `folder`, that of the code, keeps its place. Others (linked ones, and those of a
 * workspace's root) get the highest place at which all that need them find them. Rejects with
 * CODE_MODULE_MISSING, CODE_UNREADABLE.
 */
export async function productionModules(
  packageFolder: string,
  folder: string = packageFolder,
): Promise<TravellingModule[]> {
  const root = await realpath(folder)
  const places = new Map<string, string>()
  const open: Placed[] = [{ source: await realpath(packageFolder), target: '' }]
  const done = new Set<string>()
  for (let dependant = open.shift(); dependant !== undefined; dependant = open.shift()) {
    for (const { name, optional } of await neededBy(dependant.source)) {
      const found = await find(name, dependant.source)
      if (found === undefined) {
        if (optional) continue
        throw missing(name, dependant.source)
      }
      const target = targetOf({ root, found, name, dependant, places })
      if (done.has(target)) continue
      done.add(target)
      places.set(target, found.real)
      open.push({ source: found.real, target })
    }
  }
  return [...places].map(([target, source]) => ({ source, target }))
}

interface Found {
  /** As Node finds it, perhaps a link. */
  readonly path: string
  readonly real: string
}

interface PlacingParts {
  readonly root: string
  readonly found: Found
  readonly name: string
  readonly dependant: Placed
  readonly places: ReadonlyMap<string, string>
}

function targetOf({ root, found, name, dependant, places }: PlacingParts): string {
  const isFree = (target: string): boolean => (places.get(target) ?? found.real) === found.real
  const own = relative(root, found.real)
  const isBelow = found.path === found.real && own !== '' && !own.startsWith('..')
  const natural = own.split(sep).join('/')
  if (isBelow && isFree(natural) && isSeenFrom(dependant.target, natural, name)) return natural
  // From the dependant up to the code: the highest place that nothing else has or hides.
  let best = join(dependant.target, MODULES, name)
  for (let at: string | undefined = dependant.target; at !== undefined; at = above(at)) {
    const target = at === '' ? `${MODULES}/${name}` : `${at}/${MODULES}/${name}`
    if (!isFree(target)) break
    best = target
  }
  return best
}

/** True: a file in `folder` that imports `name` may find it at `target`. */
function isSeenFrom(folder: string, target: string, name: string): boolean {
  const end = `${MODULES}/${name}`
  if (!target.endsWith(end)) return false
  const base = target.slice(0, -end.length).replace(/\/$/, '')
  return base === '' || folder === base || folder.startsWith(`${base}/`)
}

/** The package that contains this one; '' is the code itself. */
function above(target: string): string | undefined {
  if (target === '') return undefined
  const at = target.lastIndexOf(`${MODULES}/`)
  return target.slice(0, at).replace(/\/$/, '')
}

async function neededBy(folder: string): Promise<Needed[]> {
  const { dependencies, optionalDependencies, peerDependencies } = await readPackage(folder)
  const needed = new Map<string, boolean>()
  for (const name of namesOf(peerDependencies)) needed.set(name, true)
  for (const name of namesOf(dependencies)) needed.set(name, false)
  for (const name of namesOf(optionalDependencies)) needed.set(name, true)
  return [...needed].map(([name, optional]) => ({ name, optional }))
}

const namesOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null ? Object.keys(value).filter((name) => NAME.test(name)) : []

async function readPackage(folder: string): Promise<PackageJson> {
  const path = join(folder, 'package.json')
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return typeof value === 'object' && value !== null ? value : {}
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return {}
    const message = `${path} cannot be read: ${reasonOf(cause)}.`
    throw new FiresteelError('CODE_UNREADABLE', message, { place: path, cause })
  }
}

/** As Node looks for it: in each `node_modules` from the package upwards. */
async function find(name: string, from: string): Promise<Found | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    if (!folder.endsWith(`${sep}${MODULES}`)) {
      const path = join(folder, MODULES, name)
      const real = await realpath(path).catch(() => undefined)
      if (real !== undefined) return { path, real }
    }
    if (dirname(folder) === folder) return undefined
  }
}

function missing(name: string, dependant: string): FiresteelError {
  const message = `${name}, a dependency of ${dependant}, is not installed.`
  return new FiresteelError('CODE_MODULE_MISSING', message, { place: join(dependant, 'package.json') })
}
